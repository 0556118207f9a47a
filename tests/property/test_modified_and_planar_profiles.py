"""The invariants of the elliptical profiles for planar ones and for every modifier, on small images."""

from __future__ import annotations

import pytest
import torch

from galviewer import profiles
from galviewer.errors import ModelError
from galviewer.model import Component, Model
from galviewer.render import Renderer

SIDE = 49
MIDDLE = 24.0
PLANAR = [name for name in profiles.names() if profiles.get(name).kind == "planar"]
CASES = {name: (name, ()) for name in PLANAR}
CASES |= {f"sersic+{modifier}": ("sersic", (modifier,)) for modifier in profiles.modifier_names()}
CASES |= {
    f"exponential+{modifier}": ("exponential", (modifier,))
    for modifier in ("fourier3", "bending2", "outer_truncation", "spiral")
}
CASES["sersic+three"] = ("sersic", ("spiral", "fourier1", "inner_truncation"))
CASES["edge_on+bending2"] = ("edge_on", ("bending2",))
SLOW = {"exponential_disk_3d"}
"""Cases whose integrals along the line of sight take too long without a PSF."""

USUAL = {
    **{"x": MIDDLE, "y": MIDDLE, "mag": 0.0, "r_eff": 2.4, "n": 1.0, "q": 0.6, "pa": 30.0, "boxiness": 0.0},
    **{"f1": 0.1, "f2": 0.12, "f3": 0.1, "f4": 0.08, "f5": 0.06, "f6": 0.06},
    **{f"f{m}_phase": 20.0 - 7.0 * m for m in range(1, 7)},
    **{"b1": 0.4, "b2": 0.1, "b3": -0.01, "r_in": 2.0, "r_in_soft": 1.5, "r_out": 6.0, "r_out_soft": 4.0},
    **{"spiral_r_in": 1.0, "spiral_r_out": 10.0, "spiral_angle": 80.0, "spiral_scale": 4.0},
    **{"inclination": 35.0, "spiral_pa": 50.0, "r_s": 2.0, "h_z": 0.9, "n_z": 1.0},
}


def _psf(dtype=torch.float64):
    """A PSF without any symmetry: a Gaussian with a faint companion."""
    y, x = torch.meshgrid(torch.arange(17.0), torch.arange(17.0), indexing="ij")
    stamp = torch.exp(-((x - 8) ** 2 + (y - 8) ** 2) / (2 * 1.5**2))
    stamp += 0.1 * torch.exp(-((x - 10) ** 2 + (y - 7) ** 2) / (2 * 1.4**2))
    return (stamp / stamp.sum()).to(dtype)[None]


def _renderer(case, psf, dtype=torch.float64, shape=(SIDE, SIDE)):
    name, modifiers = CASES[case]
    model = Model((Component("galaxy", name, modifiers=modifiers),))
    return Renderer(model, shape, _psf(dtype) if psf else None, dtype=dtype)


def _values(case, **changes):
    """Parameters of one galaxy of flux 1 in the middle, (1, P)."""
    names = profiles.get(*CASES[case]).parameter_names
    return torch.tensor([[(USUAL | changes)[name] for name in names]], dtype=torch.float64)


each = pytest.mark.parametrize("case", CASES)
both = pytest.mark.parametrize(
    ("case", "psf"), [(c, psf) for c in CASES for psf in (False, True) if psf or c not in SLOW]
)


@both
def test_flux_scales_with_magnitude(case, psf):
    renderer = _renderer(case, psf)
    bright, faint = (renderer.image(_values(case, mag=mag)) for mag in (0.0, 2.5))
    torch.testing.assert_close(bright, 10.0 * faint, rtol=1e-10, atol=1e-14 * float(bright.max()))


@both
def test_pixels_sum_to_the_flux(case, psf):
    assert float(_renderer(case, psf).image(_values(case)).sum()) == pytest.approx(1.0, abs=1e-3)


@both
def test_whole_pixel_shift_moves_the_image(case, psf):
    renderer = _renderer(case, psf)
    here = renderer.image(_values(case, x=22.3, y=25.8))[0]
    there = renderer.image(_values(case, x=25.3, y=23.8))[0]
    torch.testing.assert_close(there[:-2, 3:], here[2:, :-3], rtol=1e-5, atol=1e-6 * float(here.max()))


@each
def test_quarter_turn_transposes(case):
    psf = case in SLOW
    renderer = _renderer(case, psf)
    if psf:  # a round one, which turns with the image
        y, x = torch.meshgrid(torch.arange(17.0) - 8, torch.arange(17.0) - 8, indexing="ij")
        stamp = torch.exp(-(x * x + y * y) / (2 * 1.5**2)).double()
        renderer = Renderer(renderer.model, (SIDE, SIDE), stamp / stamp.sum(), dtype=torch.float64)
    upright = renderer.image(_values(case, pa=20.0, spiral_pa=50.0))[0]
    turned = renderer.image(_values(case, pa=110.0, spiral_pa=140.0))[0]
    tolerance = 1e-7 if psf else 1e-9
    torch.testing.assert_close(
        turned, torch.rot90(upright, -1), rtol=tolerance, atol=tolerance * float(upright.max())
    )


@both
def test_batch_equals_singles(case, psf):
    renderer = _renderer(case, psf)
    changes = [{"q": q, "x": MIDDLE + q, "h_z": 3.0 * q, "r_out": 4.0 + 9.0 * q} for q in (0.15, 0.4, 0.8)]
    values = torch.cat([_values(case, **change) for change in changes])
    together = renderer.planes(values)
    singly = torch.cat([renderer.planes(row[None]) for row in values])
    torch.testing.assert_close(together, singly, rtol=1e-9, atol=1e-11 * float(singly.abs().max()))


@both
def test_more_sky_around_changes_nothing(case, psf):
    small = _renderer(case, psf, shape=(31, 35)).image(_values(case, x=17.2, y=14.7))[0]
    large = _renderer(case, psf).image(_values(case, x=24.2, y=23.7))[0]
    # The small image sees no light that the PSF scatters back from beyond its margin.
    torch.testing.assert_close(small, large[9:40, 7:42], rtol=2e-3, atol=3e-5 * float(large.max()))


@both
def test_single_precision_is_near_double(case, psf):
    values = _values(case)
    single = _renderer(case, psf, torch.float32).image(values).double()
    double = _renderer(case, psf).image(values)
    torch.testing.assert_close(single, double, rtol=3e-4, atol=3e-6 * float(double.max()))


@both
def test_derivatives_equal_finite_differences(case, psf):
    renderer = _renderer(case, psf, shape=(33, 33))
    values = _values(case, x=16.3, y=15.6)
    image, found = renderer.jacobian(values)
    for f, index in enumerate(renderer.model.free):
        step = torch.zeros_like(values)
        # Without a PSF, cells may be split on one side of the difference and not on the other: a jump of
        # 1e-5 of the brightest pixel at most, which weighs less in a longer step.
        step[:, index] = length = 1e-4 if psf else 1e-3
        difference = (renderer.image(values + step) - renderer.image(values - step)) / (2.0 * length)
        # Centre derivatives of a cusp differ by what the sampling of the cusp leaves out.
        centre = renderer.model.parameters[index].name in ("x", "y")
        allowed = 3e-3 if centre else (1e-5 if psf else 3e-4)
        jump = 0.0 if psf else 1e-5 * float(image.max()) / (2.0 * length)
        torch.testing.assert_close(
            found[:, f], difference, rtol=0, atol=allowed * float(difference.abs().max()) + jump
        )


@both
def test_planes_are_finite_on_the_centre(case, psf):
    for dtype in (torch.float32, torch.float64):
        for n in (0.5, 8.0):
            renderer = _renderer(case, psf, dtype, shape=(21, 21))
            assert bool(torch.isfinite(renderer.planes(_values(case, n=n, x=10.0, y=10.0))).all())


@pytest.mark.parametrize("modifier", profiles.modifier_names())
def test_every_modifier_goes_with_every_elliptical_profile(modifier):
    for name in profiles.names():
        if profiles.get(name).kind == "elliptical" and name != "mge":
            try:
                composed = profiles.get(name, (modifier,))
            except ModelError:
                # Ferrer's bar ends at a radius of its own that bears the cut-off's name.
                assert (name, modifier) == ("ferrer", "outer_truncation")
                continue
            assert composed is profiles.get(name, (modifier,))
            assert composed.parameter_names[: len(profiles.get(name).parameters)] == (
                profiles.get(name).parameter_names
            )


def test_the_same_request_gives_the_same_profile():
    assert profiles.get("sersic", ("spiral", "fourier2")) is profiles.get("sersic", ("spiral", "fourier2"))
    assert profiles.get("sersic", ("spiral",)) is not profiles.get("exponential", ("spiral",))
