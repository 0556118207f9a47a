"""Sérsic constants against scipy 1.17's incomplete gamma functions."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import special

from galviewer.profiles.sersic import sersic_b, sersic_brightness, sersic_flux

N = torch.linspace(0.1, 12.0, 400, dtype=torch.float64)


def test_b_halves_the_light():
    expected = special.gammaincinv(2 * N.numpy(), 0.5)
    np.testing.assert_allclose(sersic_b(N).numpy(), expected, rtol=1e-9)


def test_b_in_single_precision():
    np.testing.assert_allclose(
        sersic_b(N.float()).numpy(), special.gammaincinv(2 * N.numpy(), 0.5), rtol=3e-7
    )


def test_flux_is_the_integral():
    r_eff = torch.full_like(N, 3.0)
    b = special.gammaincinv(2 * N.numpy(), 0.5)
    expected = (
        2 * math.pi * 9.0 * N.numpy() * np.exp(b + special.gammaln(2 * N.numpy()) - 2 * N.numpy() * np.log(b))
    )
    np.testing.assert_allclose(sersic_flux(r_eff, N).numpy(), expected, rtol=1e-8)


def test_brightness_is_one_at_r_eff():
    three = torch.full_like(N, 3.0)
    torch.testing.assert_close(sersic_brightness(three, three, N), torch.ones_like(N))
