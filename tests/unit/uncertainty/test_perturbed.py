"""PSF stamps stretched and sheared, against Gaussians drawn that way."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer.errors import SettingsError
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
