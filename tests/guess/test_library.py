"""Tabulated seeing-convolved profiles against GalSim."""

from __future__ import annotations

import math

import galsim
import numpy as np
import pytest

from galviewer.guess import library
from galviewer.guess.library import PsfSize


@pytest.mark.parametrize("n", [0.5, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("ratio", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("beta", [2.6, 20.0])
def test_profiles(n, ratio, beta):
    r50 = 2.0
    j = int(np.argmin(np.abs(np.log(library.RHO_GRID / ratio))))
    r_eff = library.RHO_GRID[j] * r50
    moffat = galsim.Moffat(beta=beta, half_light_radius=r50)
    seen = galsim.Convolve(galsim.Sersic(n=n, half_light_radius=r_eff), moffat)
    step = 0.2
    image = seen.drawImage(nx=201, ny=201, scale=step, method="no_pixel").array / step**2
    radius = np.arange(0, 90, 3) * step
    table = library.profiles(radius, PsfSize(r50, beta), slice(j, j + 1))
    i = int(np.argmin(np.abs(library.N_GRID - n)))
    expected = image[100, 100 + np.arange(0, 90, 3)]
    bright = expected > 0.01 * expected[0]
    np.testing.assert_allclose(table[i, 0][bright], expected[bright], rtol=0.03)


@pytest.mark.parametrize("n", [0.3, 0.5, 1.0, 4.0, 8.0])
def test_half_of_the_light_lies_inside_r_eff(n):
    r = np.geomspace(1e-7, 1.0, 20001)
    inside = np.trapezoid(2 * math.pi * r * library.sersic(r, np.asarray(n)), r)
    assert inside == pytest.approx(0.5, abs=0.003)


@pytest.mark.parametrize("beta", [2.6, 3.5, 6.0])
@pytest.mark.parametrize(("oversample", "fwhm"), [(1, 3.5), (1, 5.0), (3, 3.0)])
def test_size_of_a_stamp(beta, oversample, fwhm):
    moffat = galsim.Moffat(beta=beta, fwhm=fwhm)
    side = 61 * oversample
    stamp = moffat.drawImage(nx=side, ny=side, scale=1.0 / oversample, method="no_pixel").array.astype(float)
    size = library.psf_size(stamp / stamp.sum(), oversample)
    assert size.r50 == pytest.approx(moffat.half_light_radius, rel=0.08)
    assert abs(library.BETAS.index(size.beta) - library.BETAS.index(beta)) <= 1
