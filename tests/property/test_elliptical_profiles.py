"""One suite of invariants that every elliptical profile keeps, with and without a PSF."""

from __future__ import annotations

import pytest
import torch

from galviewer import profiles
from galviewer.model import Component, Model
from galviewer.render import Renderer, RenderSettings

ELLIPTICAL = [name for name in profiles.names() if profiles.get(name).kind == "elliptical"]
SIDE = 81
MIDDLE = 40.0


def _psf(dtype=torch.float64):
    """A PSF without any symmetry: a Gaussian with a faint companion."""
    y, x = torch.meshgrid(torch.arange(21.0), torch.arange(21.0), indexing="ij")
    stamp = torch.exp(-((x - 10) ** 2 + (y - 10) ** 2) / (2 * 1.6**2))
    stamp += 0.1 * torch.exp(-((x - 13) ** 2 + (y - 9) ** 2) / (2 * 1.5**2))
    return (stamp / stamp.sum()).to(dtype)[None]


def _renderer(name, psf, dtype=torch.float64, shape=(SIDE, SIDE), boxiness=False):
    component = Component("galaxy", name)
    if boxiness:
        component = component.replace("boxiness", fixed=False)
    return Renderer(Model((component,)), shape, _psf(dtype) if psf else None, dtype=dtype)


# Shape parameters of profiles that take no part in the changes of a test.
OWN = {
    "ferrer": {"r_out": 11.0, "alpha": 2.5, "beta": 0.0},
    "king": {"r_c": 2.0, "r_t": 12.0, "alpha": 2.0},
    "broken_exponential": {"h_in": 4.0, "h_out": 2.0, "r_break": 6.0, "sharpness": 1.0},
    "core_sersic": {"r_break": 0.8, "alpha": 4.0, "gamma": 0.3},
    "nuker": {"r_break": 3.0, "alpha": 2.0, "gamma": 0.4},
    "ring": {"r_ring": 8.0, "width": 2.2},
    "mge": {"s_in": 0.8, "s_out": 8.0}
    | {f"share{k + 1}": value for k, value in enumerate((0.03, 0.1, 0.3, 0.5, 0.8))},
}


def _values(name, **changes):
    """Parameters of one galaxy of flux 1 in the middle, (1, P)."""
    usual = {"x": MIDDLE, "y": MIDDLE, "mag": 0.0, "r_eff": 4.0, "n": 1.7, "fwhm": 5.0, "beta": 3.5}
    usual |= {"q": 0.6, "pa": 30.0, "boxiness": 0.0} | changes | OWN.get(name, {})
    row = [usual[parameter.name] for parameter in profiles.get(name).parameters]
    return torch.tensor([row], dtype=torch.float64)


both = pytest.mark.parametrize("psf", [False, True], ids=["pixels", "psf"])
each = pytest.mark.parametrize("name", ELLIPTICAL)


@each
@both
def test_flux_scales_with_magnitude(name, psf):
    renderer = _renderer(name, psf)
    bright, faint = (renderer.image(_values(name, mag=mag)) for mag in (0.0, 2.5))
    torch.testing.assert_close(bright, 10.0 * faint, rtol=1e-10, atol=1e-14 * float(bright.max()))


@each
@both
@pytest.mark.parametrize("boxiness", [-0.5, 0.0, 0.8])
def test_pixels_sum_to_the_flux(name, psf, boxiness):
    changes = {"r_eff": 2.0, "fwhm": 3.0, "n": 1.0, "beta": 6.0, "boxiness": boxiness}
    expected = 1.0
    if name == "de_vaucouleurs":
        # Its wings reach far: a small one, or what pixel averages hold of a larger one.
        changes["r_eff"] = 3.0 if psf else 0.4
        expected = (
            float(_renderer(name, False, boxiness=True).image(_values(name, **changes)).sum()) if psf else 1.0
        )
    image = _renderer(name, psf, boxiness=True).image(_values(name, **changes))
    assert float(image.sum()) == pytest.approx(expected, abs=2e-4)


@each
def test_half_the_light_is_inside_r_eff(name):
    if "r_eff" not in profiles.get(name).parameter_names or name == "core_sersic":
        pytest.skip("its size is not a half-light radius")
    image = _renderer(name, psf=False).image(_values(name, q=1.0, r_eff=12.0, n=1.0))[0]
    y, x = torch.meshgrid(*[torch.arange(SIDE, dtype=torch.float64) - MIDDLE] * 2, indexing="ij")
    # A pixel's share inside the circle, linear in distance across one pixel.
    inside = (12.5 - torch.sqrt(x * x + y * y)).clamp(0.0, 1.0)
    assert float((image * inside).sum()) == pytest.approx(0.5, abs=2e-3)


@each
@both
def test_whole_pixel_shift_moves_the_image(name, psf):
    renderer = _renderer(name, psf)
    here = renderer.image(_values(name, x=37.3, y=41.8))[0]
    there = renderer.image(_values(name, x=40.3, y=39.8))[0]
    torch.testing.assert_close(there[:-2, 3:], here[2:, :-3], rtol=1e-6, atol=2e-7 * float(here.max()))


@each
def test_quarter_turn_transposes(name):
    renderer = _renderer(name, psf=False)
    upright = renderer.image(_values(name, pa=20.0))[0]
    turned = renderer.image(_values(name, pa=110.0))[0]
    torch.testing.assert_close(turned, torch.rot90(upright, -1), rtol=1e-10, atol=1e-16)


@each
@both
def test_angle_means_nothing_for_a_round_galaxy(name, psf):
    renderer = _renderer(name, psf)
    one, other = (renderer.image(_values(name, q=1.0, pa=pa)) for pa in (0.0, 63.0))
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-14)


@each
@both
def test_angle_runs_counter_clockwise_from_up(name, psf):
    image = _renderer(name, psf).image(_values(name, q=0.3, pa=30.0, r_eff=8.0, fwhm=10.0))[0]
    # From the centre, 30 degrees from +y towards -x: up and to the left.
    on_axis, mirrored = image[40 + 7, 40 - 4], image[40 + 7, 40 + 4]
    assert float(on_axis) > 2.0 * float(mirrored)


@each
@both
def test_batch_equals_singles(name, psf):
    renderer = _renderer(name, psf)
    values = torch.cat([_values(name, q=q, x=MIDDLE + q, n=1.0 + q) for q in (0.15, 0.4, 0.8)])
    together = renderer.planes(values)
    singly = torch.cat([renderer.planes(row[None]) for row in values])
    torch.testing.assert_close(together, singly, rtol=1e-9, atol=1e-12 * float(singly.abs().max()))


@each
@both
def test_more_sky_around_changes_nothing(name, psf):
    small = _renderer(name, psf, shape=(41, 51)).image(_values(name, x=25.2, y=19.7))[0]
    large = _renderer(name, psf).image(_values(name, x=35.2, y=39.7))[0]
    # The small image sees no light that the PSF scatters back from beyond its margin.
    torch.testing.assert_close(small, large[20:61, 10:61], rtol=1e-3, atol=1e-5 * float(large.max()))


@each
@both
def test_single_precision_is_near_double(name, psf):
    values = _values(name)
    single = _renderer(name, psf, torch.float32).image(values).double()
    double = _renderer(name, psf).image(values)
    torch.testing.assert_close(single, double, rtol=2e-4, atol=2e-6 * float(double.max()))


@each
@both
@pytest.mark.parametrize("boxiness", [0.0, 0.4, -0.4])
def test_derivatives_equal_finite_differences(name, psf, boxiness):
    renderer = _renderer(name, psf, shape=(45, 45), boxiness=True)
    values = _values(name, x=22.3, y=21.6, boxiness=boxiness, n=1.2)
    _, found = renderer.jacobian(values)
    for f, index in enumerate(renderer.model.free):
        differences = []
        for step in (1e-4, 1e-5):
            there = torch.zeros_like(values)
            there[:, index] = step
            differences.append(
                (renderer.image(values + there) - renderer.image(values - there)) / (2.0 * step)
            )
        # Without a PSF a cell may be split on one side of a difference and not on the other: two steps.
        error = torch.minimum(*((found[:, f] - difference).abs() for difference in differences))
        # Centre derivatives of a cusp differ by what the sampling of the cusp leaves out.
        steepest = 4e-3 if name == "de_vaucouleurs" else 2e-3
        allowed = steepest if renderer.model.parameters[index].name in ("x", "y") else 1e-5
        if not psf and boxiness:
            allowed = max(allowed, 1e-4)
        assert float(error.max()) <= allowed * float(differences[0].abs().max())


@each
@both
@pytest.mark.parametrize("n", [0.5, 4.0, 8.0])
def test_planes_are_finite_on_the_centre(name, psf, n):
    values = _values(name, n=n)
    for dtype in (torch.float32, torch.float64):
        renderer = _renderer(name, psf, dtype, boxiness=True)
        assert bool(torch.isfinite(renderer.planes(values)).all())


def test_sersic_limits_are_gaussian_and_exponential():
    gaussian = _renderer("gaussian", True).image(_values("gaussian", fwhm=5.0))
    # Half the light of a Gaussian lies inside half its FWHM.
    as_sersic = _renderer("sersic", True).image(_values("sersic", n=0.5, r_eff=2.5))
    torch.testing.assert_close(as_sersic, gaussian, rtol=1e-7, atol=1e-12)
    disk = _renderer("exponential", True).image(_values("exponential"))
    torch.testing.assert_close(
        _renderer("sersic", True).image(_values("sersic", n=1.0)), disk, rtol=1e-8, atol=1e-13
    )


@pytest.mark.parametrize("psf", [False, True], ids=["pixels", "psf"])
def test_gradients_flow_after_a_fit_in_inference_mode(psf):
    """What is kept between calls must not be spoilt by having been made in inference mode."""
    settings = RenderSettings(core_radius=5.0 + psf)
    renderer = Renderer(
        Model((Component("galaxy", "sersic"),)),
        (41, 41),
        _psf() if psf else None,
        settings=settings,
        dtype=torch.float64,
    )
    values = _values("sersic", x=20.0, y=20.0)
    with torch.inference_mode():
        renderer.image(values)
    leaf = values.clone().requires_grad_()
    renderer.image(leaf)[0, 22, 20].backward()
    _, expected = renderer.jacobian(values)
    free = list(renderer.model.free)
    torch.testing.assert_close(leaf.grad[0, free], expected[0, :, 22, 20], rtol=1e-3, atol=1e-6)
