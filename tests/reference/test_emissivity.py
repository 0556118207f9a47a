"""Emissivity in three dimensions: projection against line integrals in numpy; a known body recovered."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from galviewer.errors import SettingsError
from galviewer.fit import EmissivityGrid, View, fit_emissivity, projection_matrix

SIDE, CENTRE, PA = 64, (31.3, 32.2), 35.0
SCALE, THICKNESS = 7.0, 1.6
BLUR = 1.2


def _body(radius, height):
    """Exponential disk, and a flattened bulge that outshines it in the middle."""
    disk = np.exp(-radius / SCALE - np.abs(height) / THICKNESS)
    return disk + 4.0 * (1.0 + (radius**2 + (height / 0.7) ** 2) / 2.5**2) ** -2.5


def _seen(inclination, fine=5, margin=10):
    """The body's image under a Gaussian PSF, on a grid five times finer than the pixels."""
    along = (np.arange((SIDE + 2 * margin) * fine) + 0.5) / fine - 0.5 - margin
    dx, dy = np.meshgrid(along - CENTRE[0], along - CENTRE[1])
    angle, tilt = math.radians(PA), math.radians(inclination)
    u, v = dy * math.cos(angle) - dx * math.sin(angle), dx * math.cos(angle) + dy * math.sin(angle)
    image = np.zeros_like(u)
    for depth in np.arange(-60.0, 60.0, 0.5):
        across = v * math.cos(tilt) - depth * math.sin(tilt)
        image += 0.5 * _body(np.hypot(u, across), v * math.sin(tilt) + depth * math.cos(tilt))
    image = ndimage.gaussian_filter(image, BLUR * fine, truncate=8, mode="constant")
    return image[fine // 2 :: fine, fine // 2 :: fine][margin:-margin, margin:-margin]


def _psf():
    y, x = np.mgrid[:25, :25] - 12
    stamp = np.exp(-(x * x + y * y) / (2 * BLUR**2))
    return torch.tensor(stamp / stamp.sum())


@pytest.fixture(scope="module")
def seen():
    """Image at 75 degrees, its noise at a signal-to-noise ratio of 500, and the grid."""
    image = _seen(75.0)
    variance = image + 0.02 * image.max()
    sigma = np.sqrt(variance * (image**2 / variance).sum()) / 500.0
    return image, sigma, EmissivityGrid.spaced(45.0, 14.0, 40, 26)


def _at_nodes(grid):
    return _body(grid.radii.numpy()[:, None], grid.heights.numpy())


def test_nodes_rise_from_zero_to_the_edge():
    grid = EmissivityGrid.spaced(45.0, 14.0, 40, 26, finest=0.4)
    assert grid.shape == (40, 26)
    assert float(grid.radii[0]) == 0.0
    assert float(grid.radii[-1]) == pytest.approx(45.0)
    assert float(grid.radii[1]) == pytest.approx(0.4)
    assert bool((grid.radii.diff() > 0).all())
    # A cylinder of emissivity 1.
    assert float(EmissivityGrid.spaced(10.0, 3.0).volumes().sum()) == pytest.approx(math.pi * 900.0, rel=0.35)
    fine = EmissivityGrid.spaced(10.0, 3.0, 200, 30)
    assert float(fine.volumes().sum()) == pytest.approx(math.pi * 100.0 * 6.0, rel=1e-9)


@pytest.mark.parametrize("inclination", [0.0, 40.0, 90.0])
def test_projection_keeps_the_light(inclination):
    """A body that lies in the image: every node's image holds its volume, with and without a PSF."""
    grid = EmissivityGrid.spaced(12.0, 8.0, 12, 9, finest=1.0)
    view = View(20.3, 19.6, 25.0, inclination)
    for psf in (None, _psf()):
        images = projection_matrix(grid, view, (41, 41), psf).reshape(41, 41, *grid.shape)
        found, expected = images.sum((0, 1)).double(), grid.volumes()
        # The outermost nodes end abruptly, where light usually has faded; sampled at their edge.
        found, expected = found[:-1, :-1], expected[:-1, :-1]
        assert float(found.sum() / expected.sum()) == pytest.approx(1.0, abs=2e-3)
        torch.testing.assert_close(found[2:, 2:], expected[2:, 2:], rtol=0.03, atol=0)


def test_projection_is_the_line_integral(seen):
    image, sigma, grid = seen
    matrix = projection_matrix(grid, View(*CENTRE, PA, 75.0), (SIDE, SIDE), _psf())
    found = (matrix.double() @ torch.tensor(_at_nodes(grid)).flatten()).reshape(SIDE, SIDE).numpy()
    # Straight lines between nodes lie above the falling body: by 0.4 % at its peak.
    assert np.abs(found - image).max() < 5e-3 * image.max()
    assert (((found - image) / sigma) ** 2).sum() < 0.02 * image.size


@pytest.mark.parametrize("seed", [1])
def test_a_known_body_is_recovered(seen, seed):
    image, sigma, grid = seen
    data = image + np.random.default_rng(seed).normal(size=image.shape) * sigma
    mask = np.zeros(image.shape, dtype=bool)
    mask[5:12, 40:50] = True
    data[mask] = 1e6
    fitted = fit_emissivity(
        torch.tensor(data), torch.tensor(sigma), View(*CENTRE, PA, 75.0), grid, _psf(), torch.tensor(mask)
    )
    truth, found = _at_nodes(grid), fitted.emissivity.numpy()
    assert found.size > 1000
    assert fitted.converged
    assert (found > 0).all()
    assert fitted.chi2 / (fitted.n_pixels - fitted.freedom) == pytest.approx(1.0, abs=0.05)
    light = truth * grid.volumes().numpy()
    spheroid = np.hypot(grid.radii.numpy()[:, None] / SCALE, grid.heights.numpy() / THICKNESS)
    order = np.argsort(spheroid, axis=None)
    edge = spheroid.flat[order[np.searchsorted(light.flat[order].cumsum(), 0.9 * light.sum())]]
    error = np.abs(found / truth - 1.0)
    assert np.median(error[spheroid <= edge]) <= 0.05
    assert np.median(error[truth > 1e-3 * truth.max()]) <= 0.05
    assert fitted.total == pytest.approx(light.sum(), rel=0.01)
    pulls = np.log(found / truth)[spheroid <= edge] / fitted.relative_error.numpy()[spheroid <= edge]
    assert 0.2 < np.median(np.abs(pulls)) < 1.5


def test_more_smoothness_means_fewer_free_numbers(seen):
    image, sigma, _ = seen
    view = View(*CENTRE, PA, 75.0)
    coarse = EmissivityGrid.spaced(45.0, 14.0, 14, 9, finest=1.0)
    stiff, loose = (
        fit_emissivity(torch.tensor(image), torch.tensor(sigma), view, coarse, _psf(), strength=strength)
        for strength in (1e4, 10.0)
    )
    assert stiff.freedom < loose.freedom < 14 * 9
    assert stiff.chi2 > loose.chi2


def test_bad_input_is_refused(seen):
    image, sigma, grid = seen
    view = View(*CENTRE, PA, 75.0)
    with pytest.raises(SettingsError, match="one shape"):
        fit_emissivity(torch.tensor(image), torch.tensor(sigma[1:]), view, grid)
    with pytest.raises(SettingsError, match="strength"):
        fit_emissivity(torch.tensor(image), torch.tensor(sigma), view, grid, strength=0.0)
    with pytest.raises(SettingsError, match="3 nodes"):
        EmissivityGrid.spaced(10.0, 5.0, 2, 9)
