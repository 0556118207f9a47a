"""The radial profile's numbers against an analytic galaxy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from galviewer.model import template
from galviewer.products.curves import HISTOGRAM_EDGES, Curves, radius_ticks, scaled
from galviewer.products.scene import Scene, reference_geometry
from galviewer.survey import Galaxy

MODEL = template("sersic+sky")
VALUES = np.array([40.0, 42.0, 15.0, 6.0, 1.0, 0.6, 35.0, 0.0, 0.5])


def _images(shape=(90, 84)):
    """A Gaussian blob on the ellipse of VALUES, and the sky."""
    radius = reference_geometry(MODEL, VALUES, _Stamp(shape)).radius(shape)
    return np.stack([20.0 * np.exp(-0.5 * (radius / 8.0) ** 2), np.full(shape, 0.5)]).astype(np.float32)


class _Stamp:
    """Only what `reference_geometry` asks of a galaxy."""

    def __init__(self, shape):
        self.image = np.zeros(shape)


@pytest.fixture
def scene(rng):
    images = _images()
    sigma = np.full(images[0].shape, 0.2)
    mask = np.zeros(sigma.shape, bool)
    mask[:8, :8] = True
    image = images.sum(0) + rng.normal(0, 0.2, sigma.shape)
    galaxy = Galaxy.from_arrays(image, sigma, mask=mask, zeropoint=25.0, pixel_scale=0.4)
    return Scene.of(galaxy, MODEL, VALUES, images)


def test_chi2_counts_unmasked_pixels_only(scene):
    used = ~scene.galaxy.mask
    pull = ((scene.galaxy.image - scene.total) / scene.galaxy.sigma)[used]
    assert scene.chi2 == pytest.approx((pull**2).sum(), rel=1e-4)
    assert scene.chi2_nu == pytest.approx((pull**2).sum() / (used.sum() - len(MODEL.free)), rel=1e-4)
    assert not scene.pull[scene.galaxy.mask].any()


def test_annuli_are_kept_while_their_ellipse_stays(scene):
    values = VALUES.copy()
    values[2] += 1
    again = Scene.of(scene.galaxy, MODEL, values, scene.images * 0.5, scene)
    assert again.annuli is scene.annuli
    values[5] = 0.9
    assert Scene.of(scene.galaxy, MODEL, values, scene.images, scene).annuli is not scene.annuli


def test_a_model_that_blew_up_has_no_chi2(scene):
    broken = scene.images.copy()
    broken[0, 3, 3] = np.nan
    assert math.isnan(Scene.of(scene.galaxy, MODEL, VALUES, broken).chi2)


def test_magnitudes_per_square_arcsec_without_the_sky(scene):
    curves = Curves.of(scene, "mag", "linear")
    expected = 25.0 - 2.5 * np.log10(20.0 * np.exp(-0.5 * (curves.r / 8.0) ** 2) / 0.4**2)
    inner = curves.r < 15
    # The mean over an annulus differs from the value at its mean radius by its curvature.
    assert np.abs(curves.total["y"] - expected)[inner].max() < 0.06
    assert np.abs(curves.points["y"] - curves.total["y"])[inner].max() < 0.1
    assert curves.sky == pytest.approx(25.0 - 2.5 * math.log10(0.5 / 0.4**2), abs=1e-4)
    assert [k for k, _ in curves.parts] == [0]
    assert curves.range[0] > curves.range[1]  # bright at the top


def test_the_axis_ends_where_the_light_does(scene):
    # 20 exp(-r^2 / 128) falls below the annuli's errors of about 0.015 near 30 pixels.
    assert 25 < Curves.of(scene, "mag", "linear").reach < 45
    bare = Scene.of(scene.galaxy, MODEL, VALUES, scene.images * 0 + np.float32(1e3))
    assert Curves.of(bare, "mag", "linear").reach == pytest.approx(bare.annuli.radius[-1])


def test_flux_keeps_the_sky(scene):
    curves = Curves.of(scene, "flux", "linear")
    assert curves.points["y"][-1] == pytest.approx(0.5, abs=0.1)
    assert curves.sky == pytest.approx(0.5)


def test_residual_errors_have_unit_width(scene):
    rest = Curves.of(scene, "flux", "linear").residual["y"]
    assert abs(rest.mean()) < 0.6
    assert 0.6 < rest.std() < 1.5  # some forty annuli


def test_negative_brightness_is_left_out_not_invented(scene):
    dark = Scene.of(scene.galaxy, MODEL, VALUES, scene.images + np.float32(5), None)
    curves = Curves.of(dark, "mag", "log")
    assert np.isnan(curves.points["y"][-5:]).all()
    assert np.isfinite(curves.range).all()


def test_histogram_is_a_density_of_unit_normal_residuals(scene):
    curves = Curves.of(scene, "mag", "linear")
    step = HISTOGRAM_EDGES[1] - HISTOGRAM_EDGES[0]
    assert curves.histogram.sum() * step == pytest.approx(1.0, abs=1e-3)
    assert curves.mean == pytest.approx(0, abs=0.05)
    assert curves.spread == pytest.approx(1, abs=0.05)
    counted, _ = np.histogram(scene.pull[~scene.galaxy.mask], HISTOGRAM_EDGES)
    ours = curves.histogram * step * (~scene.galaxy.mask).sum()
    assert np.abs(ours - counted).max() <= 2  # float32 values on an edge


@pytest.mark.parametrize("scale", ["linear", "log", "quarter"])
@pytest.mark.parametrize(("low", "high"), [(0.3, 60.0), (0.1, 7.3), (0.3, 1200.0)])
def test_ticks_are_round_inside_and_apart(scale, low, high):
    low = 0.0 if scale == "linear" else low
    ticks = radius_ticks(low, high, scale)
    assert 3 <= len(ticks) <= 12
    assert all(low <= t <= high for t in ticks)
    places = np.array([float(scaled(t, scale)) for t in ticks])
    span = float(scaled(high, scale)) - float(scaled(low, scale))
    assert np.diff(places).min() > 0.04 * span
    assert all(float(f"{t:.1g}") == pytest.approx(t) or scale == "linear" for t in ticks)


def test_without_components_that_have_a_place_annuli_are_circles_about_the_centre():
    geometry = reference_geometry(
        template("sersic+sky").without_component("sersic"), np.array([0.1]), _Stamp((40, 60))
    )
    assert (geometry.x, geometry.y, geometry.q) == (29.5, 19.5, 1.0)
