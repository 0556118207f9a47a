"""Elliptical annuli: geometry by hand-made cases, means against direct loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from galviewer.products.annuli import Annuli, Geometry, edges, psf_fwhm


def test_radius_runs_along_the_major_axis():
    # pa = 0 points along +y: there the radius is the distance, across it the distance over q.
    radius = Geometry(10, 12, q=0.5, pa=0).radius((30, 30))
    assert radius[12, 10] == 0
    assert radius[17, 10] == pytest.approx(5)
    assert radius[12, 14] == pytest.approx(8)
    # pa = 90 is counter-clockwise from +y: along x.
    turned = Geometry(10, 12, q=0.5, pa=90).radius((30, 30))
    assert turned[12, 14] == pytest.approx(4, abs=1e-5)
    # pa = 45 leads towards -x, +y.
    slanted = Geometry(10, 12, q=0.5, pa=45).radius((30, 30))
    assert slanted[15, 7] == pytest.approx(3 * np.sqrt(2), rel=1e-5)
    assert slanted[15, 13] == pytest.approx(2 * 3 * np.sqrt(2), rel=1e-5)


def test_means_equal_direct_averages(rng):
    image = rng.normal(size=(41, 53))
    mask = rng.random((41, 53)) < 0.2
    geometry = Geometry(25.3, 19.8, 0.7, 30.0)
    annuli = Annuli(geometry, mask)
    radius = geometry.radius(mask.shape)
    bounds = edges(80.0)
    # The innermost annuli, cut by hand; the look-up table rounds edges to an eighth of a pixel at most.
    for k, (low, high) in enumerate(itertools.pairwise(bounds[:9])):
        rounded = np.floor(radius * 8) / 8
        inside = (rounded >= low) & (rounded < high) & ~mask
        if inside.any():
            place = int(np.argmin(np.abs(annuli.radius - radius[inside].mean())))
            assert annuli.count[place] == inside.sum(), k
            assert annuli.mean(image)[place] == pytest.approx(image[inside].mean())
            assert annuli.mean_error(np.full(image.shape, 2.0))[place] == pytest.approx(
                2 / np.sqrt(inside.sum())
            )


def test_masked_pixels_count_nowhere(rng):
    image = rng.normal(size=(32, 32))
    mask = np.zeros((32, 32), bool)
    mask[5:9, 20:24] = True
    spoiled = np.where(mask, 1e9, image)
    annuli = Annuli(Geometry(16, 16), mask)
    assert np.array_equal(annuli.mean(spoiled), annuli.mean(image))
    assert annuli.count.sum() <= (~mask).sum()


def test_everything_masked_leaves_no_annulus():
    annuli = Annuli(Geometry(8, 8), np.ones((16, 16), bool))
    assert len(annuli.radius) == 0
    assert len(annuli.mean(np.ones((16, 16)))) == 0


@pytest.mark.parametrize(("fwhm", "oversample"), [(2.5, 1), (4.0, 1), (3.0, 3)])
def test_fwhm_of_a_gaussian_psf(fwhm, oversample):
    offset = np.arange(61) - 30
    sigma = fwhm * oversample / 2.3548
    psf = np.exp(-0.5 * (offset[:, None] ** 2 + offset**2) / sigma**2)
    assert psf_fwhm(psf, oversample) == pytest.approx(fwhm, rel=0.06)


def test_without_psf_no_fwhm():
    assert np.isnan(psf_fwhm(None))
