"""Profiles against independent truth.

Formulas written out again in numpy as their papers and imfit's manual print them, scipy 1.17's quadrature
and special functions, astropy 8's and GalSim 2.8's models, limits in which one profile is another, and images
drawn by brute force.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, ndimage, special

from galviewer import profiles
from galviewer.model import Component, Model
from galviewer.products import photometry
from galviewer.render import Renderer
from galviewer.run import half_light

CASES = [
    ("de_vaucouleurs", {"r_eff": 6.0}),
    ("ferrer", {"r_out": 15.0, "alpha": 2.0, "beta": 0.0}),
    ("ferrer", {"r_out": 15.0, "alpha": 0.5, "beta": 1.2}),
    ("ferrer", {"r_out": 9.0, "alpha": 4.5, "beta": -1.0}),
    ("king", {"r_c": 3.0, "r_t": 20.0, "alpha": 2.0}),
    ("king", {"r_c": 3.0, "r_t": 300.0, "alpha": 0.5}),
    ("king", {"r_c": 5.0, "r_t": 4.0, "alpha": 6.0}),
    ("broken_exponential", {"h_in": 6.0, "h_out": 2.0, "r_break": 10.0, "sharpness": 1.0}),
    ("broken_exponential", {"h_in": 6.0, "h_out": 2.0, "r_break": 10.0, "sharpness": 80.0}),
    ("broken_exponential", {"h_in": 3.0, "h_out": 9.0, "r_break": 7.0, "sharpness": 0.2}),
    ("core_sersic", {"r_eff": 8.0, "n": 4.0, "r_break": 1.5, "alpha": 3.0, "gamma": 0.2}),
    ("core_sersic", {"r_eff": 8.0, "n": 2.0, "r_break": 0.5, "alpha": 20.0, "gamma": 0.0}),
    ("core_sersic", {"r_eff": 5.0, "n": 6.0, "r_break": 8.0, "alpha": 1.0, "gamma": 1.3}),
    ("nuker", {"r_break": 3.0, "alpha": 2.0, "beta": 4.0, "gamma": 0.3}),
    ("nuker", {"r_break": 3.0, "alpha": 15.0, "beta": 2.3, "gamma": 0.0}),
    ("nuker", {"r_break": 8.0, "alpha": 0.5, "beta": 6.0, "gamma": 1.3}),
    ("ring", {"r_ring": 9.0, "width": 2.5}),
    ("ring", {"r_ring": 0.5, "width": 3.0}),
    (
        "mge",
        dict(
            zip(
                ("s_in", "s_out", *(f"share{k}" for k in range(1, 6))),
                (1, 9, 0.1, 0.2, 0.0, 0.4, 0.5),
                strict=True,
            )
        ),
    ),
]
each = pytest.mark.parametrize(("name", "shape"), CASES, ids=lambda v: v if isinstance(v, str) else "")


def _tensors(shape):
    return [torch.tensor([float(value)], dtype=torch.float64) for value in shape.values()]


def _brightness(name, shape, r):
    return profiles.get(name).brightness(torch.as_tensor(r), *_tensors(shape)).numpy()


# --- the formulas, written out again ---


def _de_vaucouleurs(r, r_eff):
    return np.exp(-special.gammaincinv(8, 0.5) * ((r / r_eff) ** 0.25 - 1))


def _ferrer(r, r_out, alpha, beta):
    return np.where(r < r_out, np.maximum(1 - (r / r_out) ** (2 - beta), 0) ** alpha, 0)


def _king(r, r_c, r_t, alpha):
    end = (1 + (r_t / r_c) ** 2) ** (-1 / alpha)
    here = (1 + (r / r_c) ** 2) ** (-1 / alpha)
    return np.where(r < r_t, (1 - end) ** -alpha * np.maximum(here - end, 0) ** alpha, 0)


def _broken_exponential(r, h_in, h_out, r_break, sharpness):
    power = (1 / h_in - 1 / h_out) / sharpness
    scale = np.exp(-power * np.logaddexp(0, -sharpness * r_break))
    return scale * np.exp(-r / h_in + power * np.logaddexp(0, sharpness * (r - r_break)))


def _core_sersic(r, r_eff, n, r_break, alpha, gamma):
    b = special.gammaincinv(2 * n, 0.5)
    core = (1 + (r_break / r) ** alpha) ** (gamma / alpha)
    return core * np.exp(-b * ((r**alpha + r_break**alpha) / r_eff**alpha) ** (1 / (alpha * n))) * np.exp(b)


def _nuker(r, r_break, alpha, beta, gamma):
    x = r / r_break
    return 2 ** ((beta - gamma) / alpha) * x**-gamma * (1 + x**alpha) ** ((gamma - beta) / alpha)


def _ring(r, r_ring, width):
    return np.exp(-((r - r_ring) ** 2) / (2 * width**2))


def _mge(r, s_in, s_out, *shares):
    s = np.geomspace(s_in, s_out, 6)
    left = np.cumprod([1.0, *(1 - share for share in shares)])
    flux = left * np.array([*shares, 1.0])
    return sum(
        f / (2 * math.pi * w * w) * np.exp(-(r**2) / (2 * w * w)) for f, w in zip(flux, s, strict=True)
    )


FORMULAS = {
    "de_vaucouleurs": _de_vaucouleurs,
    "ferrer": _ferrer,
    "king": _king,
    "broken_exponential": _broken_exponential,
    "core_sersic": _core_sersic,
    "nuker": _nuker,
    "ring": _ring,
    "mge": _mge,
}


def _breaks(shape):
    return sorted(v for k, v in shape.items() if k in ("r_out", "r_t", "r_break", "r_ring", "r_c"))


def _light(name, shape, upper):
    """``2 pi int f r dr`` up to a radius by scipy, in pieces between the radii where the profile bends."""
    marks = [
        r * x for r in (*_breaks(shape), max(shape.values())) for x in (0.1, 0.5, 0.9, 0.97, 1, 1.03, 1.1, 2)
    ]
    low = np.log(1e-12)
    steps = np.log([m for m in marks if m < upper])
    edges = np.unique([*np.arange(low, np.log(upper), 1.0), *steps, np.log(upper)])
    edges = edges[edges >= low]

    def ring_light(t):
        r = np.exp(t)
        return 2 * math.pi * r * r * float(FORMULAS[name](r, *shape.values()))

    return sum(
        integrate.quad(ring_light, a, b, epsabs=0, epsrel=1e-10, limit=200)[0]
        for a, b in itertools.pairwise(edges)
        if max(ring_light(a), ring_light(0.5 * (a + b)), ring_light(b)) > 0
    )


@each
def test_brightness_is_the_printed_formula(name, shape):
    r = np.geomspace(1e-3, 60.0, 400)
    expected = FORMULAS[name](r, *shape.values())
    np.testing.assert_allclose(_brightness(name, shape, r), expected, rtol=1e-8, atol=1e-9 * expected[0])


@each
def test_total_is_the_integral(name, shape):
    # Where the Nuker law falls slowly, what lies beyond is a power law's.
    upper = 1e5
    expected = _light(name, shape, upper)
    if name == "nuker":
        expected += 2 * math.pi * upper**2 * _nuker(upper, **shape) / (shape["beta"] - 2)
    total = float(profiles.total(profiles.get(name), *_tensors(shape))[0])
    assert total == pytest.approx(expected, rel=1e-6)


@each
def test_half_the_light_lies_inside_the_half_light_radius(name, shape):
    found = half_light.find(name, shape)
    total = float(profiles.total(profiles.get(name), *_tensors(shape))[0])
    inside = _light(name, shape, found.radius)
    assert inside == pytest.approx(0.5 * total, rel=1e-6)
    edge = float(FORMULAS[name](found.radius, *shape.values()))
    assert found.mean_over_edge == pytest.approx(inside / (math.pi * found.radius**2 * edge), rel=1e-6)


@pytest.mark.parametrize("beta", [2.1, 2.3, 3.0])
def test_half_light_of_slowly_falling_nuker_laws(beta):
    shape = {"r_break": 4.0, "alpha": 2.0, "beta": beta, "gamma": 0.3}
    x = special.betaincinv((2.0 - 0.3) / 2.0, (beta - 2.0) / 2.0, 0.5)
    assert half_light.find("nuker", shape).radius == pytest.approx(4.0 * math.sqrt(x / (1.0 - x)), rel=1e-8)


def test_half_light_is_unknown_where_it_lies_out_of_reach(monkeypatch):
    shape = {"r_break": 4.0, "alpha": 2.0, "beta": 2.02, "gamma": 0.3}
    assert math.isnan(half_light.find("nuker", shape).radius)
    endless = profiles.Profile(
        "endless",
        "Endless",
        shape=(profiles.ProfileParameter("r_s", "pixel", 2.0, 0.1, 9.0, "scale", "log"),),
        brightness=lambda r, r_s: 1.0 / (r_s + r),
    )
    monkeypatch.setitem(profiles.registry._profiles, "endless", endless)
    assert math.isnan(half_light.find("endless", {"r_s": 2.0}).radius)


def test_closed_half_light_of_de_vaucouleurs_law():
    assert photometry.half_light("de_vaucouleurs", {"r_eff": 3.0}) == pytest.approx(
        photometry.half_light("sersic", {"r_eff": 3.0, "n": 4.0}), rel=1e-10
    )


# --- other people's models ---


def test_nuker_is_astropys_smoothly_broken_power_law():
    from astropy.modeling.powerlaws import SmoothlyBrokenPowerLaw1D

    r = np.geomspace(0.01, 100.0, 200)
    theirs = SmoothlyBrokenPowerLaw1D(amplitude=1.0, x_break=3.0, alpha_1=0.4, alpha_2=3.5, delta=1 / 1.7)(r)
    ours = _brightness("nuker", {"r_break": 3.0, "alpha": 1.7, "beta": 3.5, "gamma": 0.4}, r)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_king_is_astropys_analytic_one():
    from astropy.modeling.models import KingProjectedAnalytic1D

    r = np.linspace(0.01, 30.0, 300)
    theirs = KingProjectedAnalytic1D(amplitude=1.0, r_core=3.0, r_tide=20.0)(r)
    ours = _brightness("king", {"r_c": 3.0, "r_t": 20.0, "alpha": 2.0}, r)
    # Theirs is the same shape without the factor that makes I(0) = I_0.
    np.testing.assert_allclose(ours / ours[0], theirs / theirs[0], rtol=1e-9, atol=1e-12)


def test_de_vaucouleurs_is_galsims():
    galsim = pytest.importorskip("galsim")
    theirs = galsim.DeVaucouleurs(half_light_radius=3.0, flux=1.0)
    r = np.array([0.05, 0.4, 1.0, 3.0, 9.0, 20.0])
    total = float(profiles.total(profiles.get("de_vaucouleurs"), *_tensors({"r_eff": 3.0}))[0])
    ours = _brightness("de_vaucouleurs", {"r_eff": 3.0}, r) / total
    np.testing.assert_allclose(ours, [theirs.xValue(x, 0.0) for x in r], rtol=1e-4)


def test_mge_is_galsims_sum_of_gaussians():
    galsim = pytest.importorskip("galsim")
    shape = CASES[-1][1]
    s = np.geomspace(1, 9, 6)
    shares = list(shape.values())[2:]
    flux = np.cumprod([1.0, *(1 - share for share in shares)]) * np.array([*shares, 1.0])
    theirs = galsim.Sum([galsim.Gaussian(sigma=w, flux=f) for w, f in zip(s, flux, strict=True)])
    r = np.array([0.01, 1.0, 5.0, 20.0])
    np.testing.assert_allclose(_brightness("mge", shape, r), [theirs.xValue(x, 0.0) for x in r], rtol=1e-9)


# --- limits ---


def test_core_sersic_without_a_core_is_sersic():
    r = np.geomspace(0.5, 50.0, 100)
    shape = {"r_eff": 8.0, "n": 3.0, "r_break": 1e-4, "alpha": 4.0, "gamma": 0.3}
    sersic = _brightness("sersic", {"r_eff": 8.0, "n": 3.0}, r)
    np.testing.assert_allclose(_brightness("core_sersic", shape, r), sersic, rtol=1e-9)
    total = float(profiles.total(profiles.get("core_sersic"), *_tensors(shape))[0])
    expected = float(profiles.total(profiles.get("sersic"), *_tensors({"r_eff": 8.0, "n": 3.0}))[0])
    assert total == pytest.approx(expected, rel=1e-6)


def test_broken_exponential_of_equal_lengths_is_exponential():
    r = np.linspace(0.0, 50.0, 100)
    shape = {"h_in": 4.0, "h_out": 4.0, "r_break": 9.0, "sharpness": 1.0}
    np.testing.assert_allclose(_brightness("broken_exponential", shape, r), np.exp(-r / 4.0), rtol=1e-12)
    total = float(profiles.total(profiles.get("broken_exponential"), *_tensors(shape))[0])
    assert total == pytest.approx(2 * math.pi * 16.0, rel=1e-9)


@pytest.mark.parametrize(("inside", "slope"), [(True, 0.4), (False, 3.5)])
def test_nuker_is_a_power_law_on_either_side(inside, slope):
    r = np.array([1e-3, 1e-2]) if inside else np.array([1e3, 1e4])
    f = _brightness("nuker", {"r_break": 3.0, "alpha": 2.0, "beta": 3.5, "gamma": 0.4}, r)
    assert -np.log(f[1] / f[0]) / np.log(r[1] / r[0]) == pytest.approx(slope, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "shape", "edge"), [(n, s, s["r_out" if n == "ferrer" else "r_t"]) for n, s in CASES[1:7]]
)
def test_nothing_beyond_the_edge_and_no_gradient_breaks_on_it(name, shape, edge):
    profile = profiles.get(name)
    for dtype in (torch.float32, torch.float64):
        r = torch.tensor([1e-9, 1e-4, 0.5 * edge, edge, 1.5 * edge, 1e4], dtype=dtype)
        near = torch.nextafter(torch.tensor([edge], dtype=dtype), torch.zeros(1, dtype=dtype))
        tensors = [s.to(dtype) for s in _tensors(shape)]
        f, r_df_dr, slopes = profiles.with_derivatives(profile, torch.cat((r, near)), *tensors)
        assert (f[3:6] == 0).all()
        for plane in (f, r_df_dr, *slopes):
            assert bool(torch.isfinite(plane).all())
            assert (plane[3:6] == 0).all()


@each
def test_planes_are_finite_from_the_centre_outwards(name, shape):
    for dtype in (torch.float32, torch.float64):
        r = torch.cat((torch.tensor([1e-9, 1e-6]), torch.logspace(-4, 4, 200))).to(dtype)
        f, r_df_dr, slopes = profiles.with_derivatives(
            profiles.get(name), r, *(s.to(dtype) for s in _tensors(shape))
        )
        assert all(bool(torch.isfinite(plane).all()) for plane in (f, r_df_dr, *slopes))


def test_ring_of_no_radius_is_a_gaussian():
    r = np.linspace(0.0, 12.0, 50)
    ring = {"r_ring": 0.0, "width": 3.0}
    fwhm = {"fwhm": 3.0 * 2 * math.sqrt(2 * math.log(2))}
    np.testing.assert_allclose(_brightness("ring", ring, r), _brightness("gaussian", fwhm, r), rtol=1e-12)
    totals = [
        float(profiles.total(profiles.get(n), *_tensors(s))[0])
        for n, s in (("ring", ring), ("gaussian", fwhm))
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)


# --- images, drawn by brute force ---

SIDE, CENTRE, Q, PA, FINE, MARGIN = 61, (30.3, 29.8), 0.6, 35.0, 15, 12


def _brute(name, shape, sigma):
    """A galaxy of flux 1 on a grid 15 times finer, then averaged over pixels or blurred by a Gaussian."""
    margin = MARGIN if sigma else 0
    along = (np.arange((SIDE + 2 * margin) * FINE) + 0.5) / FINE - 0.5 - margin
    dx, dy = along - CENTRE[0], along[:, None] - CENTRE[1]
    sin, cos = math.sin(math.radians(PA)), math.cos(math.radians(PA))
    r = np.hypot(dy * cos - dx * sin, (dx * cos + dy * sin) / Q)
    fine = FORMULAS[name](r, *shape.values()) / FINE**2
    # Cells near the centre are split in 50 x 50, and what even they miss of a cusp is the exact light in a
    # soft window less the sampled one.
    soft = np.exp(-((r / 0.4) ** 4)) * fine
    inner = ((np.arange(50) + 0.5) / 50 - 0.5) / FINE
    for j, i in np.argwhere(np.hypot(dx, dy) < 1.0):
        x, y = dx[i] + inner, (dy[j] + inner)[:, None]
        near = np.hypot(y * cos - x * sin, (x * cos + y * sin) / Q)
        f = FORMULAS[name](near, *shape.values())
        fine[j, i] = f.mean() / FINE**2
        soft[j, i] = (f * np.exp(-((near / 0.4) ** 4))).mean() / FINE**2
    edges = np.log([1e-12, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.5])
    exact = sum(
        integrate.quad(
            lambda t: (
                Q
                * 2
                * math.pi
                * np.exp(2 * t - (np.exp(t) / 0.4) ** 4)
                * FORMULAS[name](np.exp(t), *shape.values())
            ),
            a,
            b,
        )[0]
        for a, b in itertools.pairwise(edges)
    )
    fine[np.unravel_index(r.argmin(), r.shape)] += exact - soft.sum()
    fine /= Q * float(profiles.total(profiles.get(name), *_tensors(shape))[0])
    if not sigma:
        return fine.reshape(SIDE, FINE, SIDE, FINE).sum((1, 3))
    blurred = ndimage.gaussian_filter(fine * FINE**2, sigma * FINE, truncate=8, mode="constant")
    return blurred[FINE // 2 :: FINE, FINE // 2 :: FINE][margin:-margin, margin:-margin]


IMAGES = [
    ("de_vaucouleurs", {"r_eff": 8.0}, 2e-4),
    ("ferrer", {"r_out": 15.0, "alpha": 2.0, "beta": 0.0}, 2e-4),
    ("ferrer", {"r_out": 15.0, "alpha": 1.0, "beta": 1.5}, 1e-3),
    ("king", {"r_c": 3.0, "r_t": 20.0, "alpha": 2.0}, 2e-4),
    ("king", {"r_c": 3.0, "r_t": 12.0, "alpha": 1.0}, 3e-4),
    ("broken_exponential", {"h_in": 6.0, "h_out": 2.0, "r_break": 10.0, "sharpness": 1.0}, 2e-4),
    ("broken_exponential", {"h_in": 6.0, "h_out": 2.0, "r_break": 10.0, "sharpness": 100.0}, 1e-3),
    ("core_sersic", {"r_eff": 8.0, "n": 4.0, "r_break": 2.0, "alpha": 5.0, "gamma": 0.2}, 2e-4),
    ("nuker", {"r_break": 3.0, "alpha": 2.0, "beta": 4.0, "gamma": 0.3}, 3e-4),
    ("nuker", {"r_break": 3.0, "alpha": 2.0, "beta": 4.0, "gamma": 1.0}, 2e-3),
    ("ring", {"r_ring": 10.0, "width": 2.0}, 2e-4),
    ("ring", {"r_ring": 10.0, "width": 1.0}, 5e-4),
    ("ring", {"r_ring": 10.0, "width": 0.5}, 1e-3),
    ("ferrer", {"r_out": 15.0, "alpha": 0.5, "beta": 0.0}, 3e-3),
    ("mge", dict(zip(CASES[-1][1], (0.6, 9.0, 0.03, 0.1, 0.3, 0.5, 0.8), strict=True)), 2e-4),
]


@pytest.mark.parametrize("sigma", [None, 1.3], ids=["pixels", "psf"])
@pytest.mark.parametrize(("name", "shape", "allowed"), IMAGES, ids=lambda v: v if isinstance(v, str) else "")
def test_images_equal_brute_force(name, shape, allowed, sigma):
    y, x = np.mgrid[:33, :33] - 16
    stamp = np.exp(-(x * x + y * y) / (2 * 1.3**2))
    psf = torch.tensor(stamp / stamp.sum())[None] if sigma else None
    values = torch.tensor([[*CENTRE, 0.0, *shape.values(), Q, PA, 0.0]], dtype=torch.float64)
    model = Model((Component("galaxy", name),))
    image = Renderer(model, (SIDE, SIDE), psf, dtype=torch.float64).image(values)[0].numpy()
    expected = _brute(name, shape, sigma)
    error = math.sqrt(((image - expected) ** 2).sum() / (expected**2).sum())
    assert error < allowed
