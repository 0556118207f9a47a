"""Closed forms against scipy and against the profiles' own tensor functions integrated numerically."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import gammaincinv

from galviewer import profiles
from galviewer.products import photometry

SHAPES = [
    ("sersic", {"r_eff": 7.0, "n": 0.5}),
    ("sersic", {"r_eff": 7.0, "n": 4.3}),
    ("exponential", {"r_eff": 3.0}),
    ("gaussian", {"fwhm": 5.0}),
    ("moffat", {"fwhm": 5.0, "beta": 3.1}),
]


def test_sersic_b_against_scipy():
    n = np.geomspace(0.08, 20.0, 300)
    mine = np.array([photometry.sersic_b(float(value)) for value in n])
    np.testing.assert_allclose(mine, gammaincinv(2 * n, 0.5), rtol=1e-12)


@pytest.mark.parametrize(("name", "shape"), SHAPES)
def test_half_the_light_is_inside_the_radius(name, shape):
    import torch

    light = photometry.half_light(name, shape)
    profile = profiles.get(name)
    tensors = [torch.tensor(value, dtype=torch.float64) for value in shape.values()]

    def flux(lower, upper):
        log_r = np.linspace(math.log(lower), math.log(upper), 200_001)
        r = np.exp(log_r)
        f = profile.brightness(torch.as_tensor(r), *tensors).numpy()
        return np.trapezoid(2 * math.pi * r * r * f, log_r)

    inside, outside = flux(1e-9, light.radius), flux(light.radius, 1e9)
    assert inside == pytest.approx(outside, rel=2e-6)
    edge = float(profile.brightness(torch.tensor(light.radius, dtype=torch.float64), *tensors))
    assert inside / (math.pi * light.radius**2) / edge == pytest.approx(light.mean_over_edge, rel=2e-6)


def test_unknown_profiles_and_missing_values_are_nan():
    assert math.isnan(photometry.half_light("my_profile", {"r_eff": 3.0}).radius)
    assert math.isnan(photometry.half_light("sersic", {"r_eff": math.nan, "n": 2.0}).radius)


@pytest.mark.parametrize("boxiness", [-0.8, -0.3, 0.0, 1.0])
def test_area_of_generalised_ellipses(boxiness):
    p = 2.0 + boxiness
    x = np.linspace(0.0, 1.0, 2_000_001)[:-1]
    area = 4.0 * np.trapezoid((1.0 - x**p) ** (1.0 / p), x)
    assert math.pi / area == pytest.approx(photometry.area_factor(boxiness), rel=1e-4)


def test_surface_brightness_of_an_exponential_disk():
    """mu_0 = mag + 2.5 log10(2 pi h^2 q), and mu_eff = mu_0 + 1.822 (Graham & Driver 2005)."""
    light = photometry.half_light("exponential", {"r_eff": 10.0})
    mu_eff, mean = photometry.surface_brightness(15.0, light, 0.5, 0.0, 0.2)
    h = 10.0 * 0.2 / 1.678346990016661
    mu_0 = 15.0 + 2.5 * math.log10(2.0 * math.pi * h * h * 0.5)
    assert mu_eff == pytest.approx(mu_0 + 1.678346990016661 * 2.5 / math.log(10.0), abs=1e-9)
    assert mu_eff - mean == pytest.approx(0.70, abs=5e-3)  # their table 1


def test_propagation_against_random_draws():
    covariance = np.array([[0.01, 0.004], [0.004, 0.02]])
    values = np.array([2.0, 5.0])

    def function(v):
        return np.array([v[0] * v[1], v[0] / v[1]])

    draws = np.random.default_rng(1).multivariate_normal(values, covariance, 200_000)
    expected = np.std([draws[:, 0] * draws[:, 1], draws[:, 0] / draws[:, 1]], axis=1)
    np.testing.assert_allclose(photometry.propagate(function, values, covariance), expected, rtol=0.02)
    assert np.isnan(photometry.propagate(function, values, np.zeros((2, 2)))).all()
