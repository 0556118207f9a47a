"""What is measured on galaxies with known parameters."""

from __future__ import annotations

import math

import galsim
import numpy as np
import pytest

from galviewer.guess import measure
from galviewer.survey import Galaxy


def angle(a, b):
    return abs((a - b + 90.0) % 180.0 - 90.0)


@pytest.mark.parametrize("n", [0.7, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(("r_eff", "q", "pa"), [(3.0, 0.8, 10.0), (7.0, 0.5, 100.0), (12.0, 0.3, 170.0)])
def test_parameters_come_out_near_the_truth(draw, n, r_eff, q, pa):
    found = measure(draw(n=n, r_eff=r_eff, q=q, pa=pa), sky=0.0)
    assert found.ok
    assert math.hypot(found.x - 60.3, found.y - 48.8) < 0.2
    assert found.flux == pytest.approx(100.0, rel=0.1)
    assert found.r_eff == pytest.approx(r_eff, rel=0.15)
    assert found.n == pytest.approx(n, rel=0.35)
    assert found.q == pytest.approx(q, abs=0.1)
    assert angle(found.pa, pa) < 5.0


@pytest.mark.parametrize("unit", [1e-12, 1e9])
def test_the_unit_of_the_image_does_not_matter(draw, unit):
    plain, scaled = measure(draw()), measure(draw(unit=unit))
    assert scaled.flux / unit == pytest.approx(plain.flux, rel=1e-6)
    assert (scaled.r_eff, scaled.n, scaled.q) == pytest.approx((plain.r_eff, plain.n, plain.q), rel=1e-6)


def test_sky_is_measured_with_the_profile(draw):
    found = measure(draw(sky=5.0, n=3.0))
    assert found.sky == pytest.approx(5.0, abs=0.004)
    assert found.flux == pytest.approx(100.0, rel=0.1)
    assert found.sky_rms == pytest.approx(0.01, rel=0.15)


def test_a_brighter_neighbour_is_not_the_target(draw):
    neighbour = galsim.Gaussian(sigma=2.0, flux=300.0).shift(35.0, 20.0)
    found = measure(draw(extra=neighbour), sky=0.0)
    assert math.hypot(found.x - 60.3, found.y - 48.8) < 0.3
    assert found.flux == pytest.approx(100.0, rel=0.2)


def test_masked_pixels_count_nowhere(draw):
    galaxy = draw()
    image = np.array(galaxy.image)
    mask = np.zeros(image.shape, dtype=bool)
    mask[52:56, 62:66] = True
    image[mask] = 1e6
    masked = measure(Galaxy.from_arrays(image, galaxy.sigma, galaxy.psf, mask), sky=0.0)
    assert masked.r_eff == pytest.approx(measure(galaxy, sky=0.0).r_eff, rel=0.1)
    assert masked.q == pytest.approx(0.6, abs=0.1)


def test_target_away_from_the_centre(draw):
    neighbour = galsim.Gaussian(sigma=2.0, flux=300.0)
    found = measure(draw(x=25.0, y=30.0, extra=neighbour, centre=(25.0, 30.0)), sky=0.0)
    assert (found.x, found.y) == pytest.approx((25.0, 30.0), abs=0.3)


def test_without_noise_and_without_psf(draw):
    found = measure(draw(noise=0.0, with_psf=False, n=1.0), sky=0.0)
    assert found.ok
    assert (found.r_eff, found.q) == pytest.approx((7.0, 0.6), rel=0.1)
    assert found.n == pytest.approx(1.0, rel=0.2)


def test_pure_noise_is_not_a_galaxy():
    image = np.random.default_rng(1).normal(0.0, 1.0, (60, 60))
    found = measure(Galaxy.from_arrays(image, np.ones(image.shape)))
    assert not found.ok
    assert (found.x, found.y) == (29.5, 29.5)


def test_a_hole_where_the_galaxy_should_be(draw):
    galaxy = draw()
    hole = Galaxy.from_arrays(-galaxy.image, galaxy.sigma, galaxy.psf)
    assert not measure(hole, sky=0.0).ok


@pytest.mark.parametrize("shape", [(5, 5), (8, 30), (11, 7)])
def test_tiny_stamps_do_not_raise(shape):
    y, x = np.mgrid[: shape[0], : shape[1]]
    light = np.exp(-0.5 * ((x - shape[1] // 2) ** 2 + (y - shape[0] // 2) ** 2))
    noise = np.random.default_rng(2).normal(0.0, 0.02, shape)
    measured = measure(Galaxy.from_arrays(light + noise, np.full(shape, 0.02)))
    assert abs(measured.x - shape[1] // 2) < 1.5
    assert abs(measured.y - shape[0] // 2) < 1.5
