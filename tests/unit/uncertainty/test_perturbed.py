"""PSF stamps stretched and sheared, against Gaussians drawn that way."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from galviewer import Galaxy, fit_galaxies
from galviewer.errors import SettingsError
from galviewer.model import Component, Model
from galviewer.run import uncertainties
from galviewer.uncertainty.perturbed import combine, transformed_psf


def _gaussian(shape, matrix):
    """A Gaussian with that covariance, centred on K // 2."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    off = np.stack([x - shape[1] // 2, y - shape[0] // 2], -1)
    stamp = np.exp(-0.5 * np.einsum("...i,ij,...j", off, np.linalg.inv(matrix), off))
    return stamp / stamp.sum()


@pytest.mark.parametrize("shape", [(31, 31), (30, 34)])
@pytest.mark.parametrize(("width", "e1", "e2"), [(1.1, 0, 0), (0.95, 0, 0), (1, 0.05, 0), (1, 0, -0.04)])
def test_a_gaussian_stays_one(shape, width, e1, e2):
    first = np.array([[2.2, 0.4], [0.4, 3.0]])
    stretch = width * np.array([[1 + e1, e2], [e2, 1 - e1]])
    found = transformed_psf(_gaussian(shape, first), width, e1, e2)
    expected = _gaussian(shape, stretch @ first @ stretch.T)
    np.testing.assert_allclose(found, expected, atol=2e-5 * expected.max())


def test_no_change_is_none():
    stamp = _gaussian((21, 21), 3.0 * np.eye(2))
    np.testing.assert_allclose(transformed_psf(stamp), stamp, atol=1e-15)


def test_nonsense_is_refused():
    with pytest.raises(SettingsError, match="width 0"):
        transformed_psf(np.ones((5, 5)) / 25, 0.0)


def test_shifts_add_in_squares():
    found = combine(("a", "b"), {"psf_width": np.array([3.0, 0.0]), "sky": np.array([-4.0, 1.0])})
    np.testing.assert_allclose(found.errors, [5.0, 1.0])


def _galaxy(image, mask=None):
    galaxy = Galaxy.from_arrays(
        image, np.ones_like(image), _gaussian((15, 15), 3.0 * np.eye(2)), mask=mask, name="g"
    )
    return SimpleNamespace(name="g", galaxy=galaxy, residual=image)


def test_what_is_perturbed():
    """Plus before minus, each kind its own; the sky is taken away."""
    fit = _galaxy(np.random.default_rng(1).normal(size=(20, 20)))
    psf, found = fit.galaxy.psf, uncertainties._perturbed(fit, 0.02, 0.01, 0.3, [2.0 * fit.galaxy.psf])
    assert list(found) == ["psf_width", "psf_e1", "psf_e2", "psf_other", "sky"]
    for kind, plus, minus in (
        ("psf_width", (1.02, 0, 0), (0.98, 0, 0)),
        ("psf_e1", (1, 0.01, 0), (1, -0.01, 0)),
        ("psf_e2", (1, 0, 0.01), (1, 0, -0.01)),
    ):
        for galaxy, change in zip(found[kind], (plus, minus), strict=True):
            np.testing.assert_allclose(galaxy.psf, transformed_psf(psf, *change), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found["psf_other"][0].psf, psf, rtol=1e-6)
    for galaxy, sign in zip(found["sky"], (1.0, -1.0), strict=True):
        np.testing.assert_allclose(galaxy.image, fit.galaxy.image - 0.3 * sign)


def test_the_sky_s_error_is_that_of_the_blocks_at_the_border():
    """Blocks of constant values: those inside and masked pixels say nothing."""
    levels = np.arange(16.0).reshape(4, 4) ** 1.5
    image = np.kron(levels, np.ones((5, 5)))
    border = np.ones((4, 4), bool)
    border[1:3, 1:3] = False
    mask = np.zeros(image.shape, bool)
    mask[:2, :2] = True
    image[mask] = 1e4
    expected = np.std(levels[border], ddof=1) / np.sqrt(12)
    assert uncertainties._sky_error(_galaxy(image, mask)) == pytest.approx(expected, rel=1e-9)


def test_a_free_sky_takes_up_an_offset():
    image = np.random.default_rng(3).normal(1.0, 0.2, (12, 12))
    flat = Model((Component("sky", "flat_sky"),))
    galaxy = Galaxy.from_arrays(image, np.full(image.shape, 0.2), name="sky")
    fit = fit_galaxies([galaxy], flat, starts=[np.ones(1)])[0]
    found = uncertainties.systematic(fit, sky_change=0.05)
    # A refit may end a few hundredths of an error (0.017) from its minimum.
    assert found.shifts["sky"][0] == pytest.approx(-0.05, abs=2e-3)
