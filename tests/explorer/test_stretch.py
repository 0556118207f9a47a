"""Display limits and palettes."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer.explorer.stretch import DIVERGING, LIMITS, PALETTES, limits, zscale


def test_limits_bracket_what_they_promise(rng):
    image = rng.normal(10.0, 2.0, (200, 200))
    found = limits(image, np.zeros(image.shape, bool))
    assert set(found) == set(LIMITS)
    assert found["minmax"] == (image.min(), image.max())
    low, high = found["95"]
    assert np.mean((image >= low) & (image <= high)) == pytest.approx(0.95, abs=1e-3)
    # The automatic limits begin one and a half noise widths below the sky.
    assert found["sky"][0] == pytest.approx(10 - 1.5 * 2, abs=0.1)


def test_masked_and_missing_pixels_do_not_set_limits(rng):
    image = rng.normal(size=(50, 50))
    mask = np.zeros(image.shape, bool)
    plain = limits(image, mask)
    mask[0, :2] = True
    image[0, 0], image[0, 1], image[1, 1] = 1e12, -1e12, np.nan
    spoiled = limits(image, mask)
    for name in LIMITS:
        assert np.allclose(spoiled[name], plain[name], atol=0.05), name


@pytest.mark.parametrize("image", [np.full((9, 9), 3.0), np.zeros((9, 9)), np.full((9, 9), -1e-30)])
def test_constant_images_have_limits_in_order(image):
    for low, high in limits(image, np.zeros(image.shape, bool)).values():
        assert low < high


def test_everything_masked():
    assert set(limits(np.ones((4, 4)), np.ones((4, 4), bool)).values()) == {(0.0, 1.0)}


def test_zscale_ignores_a_bright_galaxy(rng):
    sky = rng.normal(100.0, 5.0, 20_000)
    sky[:400] = 1e5
    low, high = zscale(sky)
    assert 70 < low < 100 < high < 200


def test_zscale_agrees_with_astropy(rng):
    from astropy.visualization import ZScaleInterval

    image = np.concatenate([rng.normal(50, 3, 9000), rng.exponential(200, 600)])
    rng.shuffle(image)
    low, high = zscale(image)
    other = ZScaleInterval(n_samples=4000).get_limits(image)
    span = other[1] - other[0]
    # Two fits of one straight line with other rejection rules: alike to a quarter of the range.
    assert abs(low - other[0]) < 0.25 * span
    assert abs(high - other[1]) < 0.25 * span


def test_palettes_are_complete_colours():
    for palette in (*PALETTES.values(), *DIVERGING.values()):
        assert len(palette) == 256
        assert all(len(colour) == 7 and colour[0] == "#" for colour in palette)
