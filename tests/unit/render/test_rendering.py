"""PSF handling, frames, points, sky, and what must not leak from one side of the image to the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.errors import ModelError, SettingsError
from galviewer.model import Component, Model
from galviewer.render import Renderer, RenderSettings, layout
from galviewer.render.cores import dirichlet, dirichlet_slope, fine_grids
from galviewer.render.psf import fast_length, plan_frame

POINT = Model((Component("star", "point"),))


def _lopsided(rows=13, columns=9):
    """A smooth stamp with all its light on one side."""
    y, x = np.mgrid[:rows, :columns]
    stamp = np.exp(-((x - columns // 2 - 1.5) ** 2 + (y - rows // 2 + 2.0) ** 2) / (2 * 1.4**2))
    return torch.tensor(stamp / stamp.sum())


def _star(x, y, mag=0.0):
    return torch.tensor([[x, y, mag]], dtype=torch.float64)


@pytest.mark.parametrize("sides", [(13, 9), (12, 10), (13, 10)])
def test_star_on_a_pixel_is_the_stamp(sides):
    stamp = _lopsided(*sides)
    image = Renderer(POINT, (40, 50), stamp, dtype=torch.float64).image(_star(20.0, 15.0))[0]
    top, left = 15 - sides[0] // 2, 20 - sides[1] // 2
    torch.testing.assert_close(image[top : top + sides[0], left : left + sides[1]], stamp, rtol=0, atol=1e-14)
    assert float(image.sum()) == pytest.approx(1.0, abs=1e-12)


def test_galaxy_follows_a_lopsided_psf():
    stamp = _lopsided()
    renderer = Renderer(model.template("sersic"), (60, 60), stamp, dtype=torch.float64)
    image = renderer.image(torch.tensor([[30.0, 30.0, 0.0, 1.0, 1.0, 0.9, 0.0, 0.0]], dtype=torch.float64))[0]
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(60.0), indexing="ij")
    rows, columns = torch.meshgrid(torch.arange(13.0) - 6, torch.arange(9.0) - 4, indexing="ij")
    assert float((image * x).sum() / image.sum()) == pytest.approx(
        30 + float((stamp * columns).sum()), abs=5e-3
    )
    assert float((image * y).sum() / image.sum()) == pytest.approx(30 + float((stamp * rows).sum()), abs=5e-3)


def test_sub_pixel_shift_of_a_star_is_the_shifted_psf():
    y, x = np.mgrid[:41, :41] - 20.0
    stamp = torch.tensor(np.exp(-(x**2 + y**2) / (2 * 1.8**2)))
    total = float(stamp.sum())
    renderer = Renderer(POINT, (64, 64), stamp / total, dtype=torch.float64)
    image = renderer.image(_star(30.37, 33.81))[0].numpy()
    rows, columns = np.mgrid[:64, :64]
    expected = np.exp(-((columns - 30.37) ** 2 + (rows - 33.81) ** 2) / (2 * 1.8**2)) / total
    np.testing.assert_allclose(image, expected, atol=1e-7 * expected.max())


def test_star_derivatives_equal_finite_differences():
    stamp = _lopsided(15, 15)
    renderer = Renderer(POINT, (40, 40), stamp, dtype=torch.float64)
    star = _star(20.3, 18.6)
    _, found = renderer.jacobian(star)
    for k in range(3):
        step = torch.zeros_like(star)
        step[0, k] = 1e-5
        difference = (renderer.image(star + step) - renderer.image(star - step)) / 2e-5
        torch.testing.assert_close(found[:, k], difference, rtol=1e-6, atol=1e-8)


def test_oversampled_psf_agrees_with_a_plain_one():
    def gaussian(side, sigma):
        y, x = np.mgrid[:side, :side] - side // 2
        stamp = np.exp(-(x**2 + y**2) / (2 * sigma**2))
        return torch.tensor(stamp / stamp.sum())

    values = torch.tensor([[25.2, 24.1, 0.0, 3.0, 2.0, 0.6, 40.0, 0.0]], dtype=torch.float64)
    plain = Renderer(model.template("sersic"), (50, 50), gaussian(31, 1.7), dtype=torch.float64)
    over = Renderer(
        model.template("sersic"), (50, 50), gaussian(93, 5.1), psf_oversample=3, dtype=torch.float64
    )
    assert over.scene.frame.fine == 1
    torch.testing.assert_close(over.image(values), plain.image(values), rtol=1e-5, atol=1e-9)


def test_undersampled_psf_gets_a_finer_grid():
    y, x = np.mgrid[:61, :61] - 30
    narrow = np.exp(-(x**2 + y**2) / (2 * 2.0**2))
    psf = torch.tensor(narrow / narrow.sum())
    renderer = Renderer(POINT, (30, 30), psf, psf_oversample=5, dtype=torch.float64)
    assert renderer.scene.frame.fine > 1
    image = renderer.image(_star(15.3, 14.8))[0].numpy()
    rows, columns = np.mgrid[:30, :30]
    # Flux density of the true PSF (sigma 0.4 pixel) at the pixel centres.
    expected = np.exp(-((columns - 15.3) ** 2 + (rows - 14.8) ** 2) / (2 * 0.4**2)) / (2 * math.pi * 0.4**2)
    np.testing.assert_allclose(image, expected, atol=3e-3 * expected.max())


def test_optical_psf_is_blurred_by_the_pixel():
    stamp = _lopsided(21, 21)
    effective = Renderer(POINT, (50, 50), stamp, "effective", dtype=torch.float64).image(_star(25.0, 25.0))
    optical = Renderer(POINT, (50, 50), stamp, "optical", dtype=torch.float64).image(_star(25.0, 25.0))
    assert float(optical.max()) < float(effective.max())
    # The band-limited pixel response rings faintly beyond the image.
    assert float(optical.sum()) == pytest.approx(float(effective.sum()), rel=1e-7)


@pytest.mark.parametrize("kind", ["point", "sersic"])
def test_light_does_not_wrap_around(kind):
    stamp = _lopsided(15, 15)
    if kind == "point":
        image = Renderer(POINT, (40, 40), stamp, dtype=torch.float64).image(_star(1.0, 38.0))[0]
        assert float(image[:25, 15:].abs().max()) < 1e-12
        return
    renderer = Renderer(model.template("sersic"), (40, 40), stamp, dtype=torch.float64)
    image = renderer.image(torch.tensor([[1.0, 38.0, 0.0, 1.0, 0.5, 0.8, 0.0, 0.0]], dtype=torch.float64))[0]
    assert float(image[:15, 25:].abs().max()) < 1e-9 * float(image.max())


def test_centre_far_outside_the_image_does_not_come_back():
    stamp = _lopsided(15, 15)
    renderer = Renderer(model.template("sersic"), (40, 40), stamp, dtype=torch.float64)
    for x in (-30.0, 75.0, -200.0):
        image = renderer.image(torch.tensor([[x, 20.0, 0.0, 1.0, 1.0, 0.8, 0.0, 0.0]], dtype=torch.float64))[
            0
        ]
        assert bool(torch.isfinite(image).all())
        assert float(image.abs().max()) < 1e-6


def test_sky_planes_and_components_add_up():
    tilted = model.template("sersic").with_component(Component("sky", "tilted_sky"))
    renderer = Renderer(tilted, (30, 41), None, dtype=torch.float64)
    values = torch.tensor([[20.0, 15.0, 0.0, 3.0, 1.0, 0.7, 10.0, 0.0, 2.0, 0.1, -0.2]], dtype=torch.float64)
    parts = renderer.component_images(values)
    assert parts.shape == (1, 2, 30, 41)
    torch.testing.assert_close(parts.sum(1), renderer.image(values))
    sky = parts[0, 1]
    assert float(sky[0, 0]) == pytest.approx(2.0 - 20 * 0.1 + 14.5 * 0.2)
    assert float(sky[29, 40]) == pytest.approx(2.0 + 20 * 0.1 - 14.5 * 0.2)


def test_one_psf_each_or_one_for_all():
    values = torch.tensor([[20.0, 20.0, 0.0, 3.0, 1.0, 0.7, 10.0, 0.0]] * 2, dtype=torch.float64)
    wide, narrow = _lopsided(21, 21), _lopsided(21, 21) ** 2
    narrow = narrow / narrow.sum()
    each = Renderer(model.template("sersic"), (40, 40), torch.stack((wide, narrow)), dtype=torch.float64)
    both = each.image(values)
    alone = Renderer(model.template("sersic"), (40, 40), narrow, dtype=torch.float64).image(values[:1])
    torch.testing.assert_close(both[1:], alone, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(each.select(torch.tensor([1])).image(values[1:]), alone, rtol=1e-9, atol=1e-12)


def test_zeropoint_sets_the_flux():
    renderer = Renderer(POINT, (30, 30), _lopsided(), zeropoint=torch.tensor([22.5]), dtype=torch.float64)
    assert float(renderer.image(_star(15, 15, 20.0)).sum()) == pytest.approx(10.0, rel=1e-9)
    galaxy = torch.tensor([[30.0, 30.0, 20.0, 1.0, 0.5, 0.9, 0.0, 0.0]], dtype=torch.float64)
    renderer = Renderer(
        model.template("sersic"), (60, 60), zeropoint=torch.tensor([22.5]), dtype=torch.float64
    )
    assert float(renderer.image(galaxy).sum()) == pytest.approx(10.0, rel=1e-6)


def test_tied_parameters_add_to_the_column_they_follow():
    tied = model.template("bulge+disk").replace("disk_mag", tied=model.Tie("bulge.mag", 0.5, -0.7))
    renderer = Renderer(tied, (40, 40), _lopsided(), dtype=torch.float64)
    values = torch.tensor(
        [[20.0, 20.0, 0.0, 2.0, 3.0, 0.8, 30.0, 0.0, 20.0, 20.0, -0.7, 6.0, 0.5, 40.0, 0.0]]
    )
    values = values.double()
    _, found = renderer.jacobian(values)
    step = torch.zeros_like(values)
    step[0, 2], step[0, 10] = 1e-5, 0.5e-5
    difference = (renderer.image(values + step) - renderer.image(values - step)) / 2e-5
    column = [tied.columns[i] for i in tied.free].index("bulge_mag")
    torch.testing.assert_close(found[:, column], difference, rtol=1e-6, atol=1e-12)


def test_planes_are_rendered_once():
    assert layout(model.template("sersic")).n_planes == 7
    # Two images, x and y shared, four shape parameters of the bulge, three of the disk.
    assert layout(model.template("bulge+disk")).n_planes == 11


def test_mistakes_have_messages():
    with pytest.raises(SettingsError, match="effective or optical"):
        Renderer(POINT, (30, 30), _lopsided(), "both")
    with pytest.raises(ModelError, match="no PSF"):
        Renderer(POINT, (30, 30)).image(_star(15, 15))


def test_fast_lengths_are_even_and_smooth():
    for n in range(1, 700, 7):
        length = fast_length(n)
        assert length >= n
        assert length % 2 == 0
        for prime in (2, 3, 5):
            while length % prime == 0:
                length //= prime
        assert length == 1


def test_frame_leaves_room_for_the_psf():
    frame = plan_frame((50, 70), _lopsided(21, 31)[None], 1, RenderSettings())
    assert frame.rows >= 50 + frame.margin + 10
    assert frame.columns >= 70 + frame.margin + 15


@pytest.mark.parametrize("period", [16, 30])
def test_interpolation_kernel_is_exact_for_waves(period):
    positions = torch.tensor([0.0, 0.3, 1.0, 5.5, -2.25], dtype=torch.float64)
    grid = torch.arange(period, dtype=torch.float64)
    for k in range(period // 2):
        wave = torch.cos(2 * math.pi * k * grid / period + 0.4)
        expected = torch.cos(2 * math.pi * k * positions / period + 0.4)
        torch.testing.assert_close(wave @ dirichlet(grid, positions, period), expected, rtol=0, atol=1e-12)
    ahead, behind = (dirichlet(grid, positions + step, period) for step in (1e-4, -1e-4))
    slope = dirichlet_slope(grid, positions, period)
    torch.testing.assert_close(slope, (ahead - behind) / 2e-4, rtol=0, atol=1e-7)


def test_windows_are_a_partition_of_unity():
    settings = RenderSettings()
    grids = fine_grids(settings, torch.float64, torch.device("cpu"))
    # Sum over all levels of window times area is the window of the widest level, integrated.
    r = torch.linspace(0, settings.core_radius, 20001, dtype=torch.float64)
    from galviewer.render.cores import core_window

    expected = torch.trapezoid(
        2 * math.pi * r * core_window(r * r, settings.core_radius, settings.core_inner), r
    )
    assert float(grids.weight.sum()) == pytest.approx(float(expected), rel=1e-4)
