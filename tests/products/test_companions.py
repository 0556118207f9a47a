"""Non-parametric quantities against quadrature of the Sérsic law, hand-made images and known residuals."""

from __future__ import annotations

import dataclasses
import math
import sys

import numpy as np
import pytest
from scipy import ndimage
from scipy.optimize import brentq
from scipy.special import gammainc, gammaincinv

from galviewer import model as models
from galviewer.errors import GalviewerError
from galviewer.flags import Flag
from galviewer.products import GalaxyFit, companions
from galviewer.products.columns import ColumnInfo
from galviewer.survey import Galaxy

SHAPE, R_EFF, FLUX = (181, 181), 12.0, 2.0e5
NUMBERS = [info.name for info in companions.COLUMNS if info.dtype == "float"]


def sersic_image(n: float, centre=(90.0, 90.0), q: float = 1.0, pa: float = 0.0) -> np.ndarray:
    """Sérsic galaxy of total flux FLUX, each pixel averaged over 7 x 7 points."""
    b = gammaincinv(2 * n, 0.5)
    image = np.zeros(SHAPE)
    rows, columns = np.indices(SHAPE, float)
    angle = np.radians(pa)
    for ox in (np.arange(7) - 3) / 7:
        for oy in (np.arange(7) - 3) / 7:
            dx, dy = columns + ox - centre[0], rows + oy - centre[1]
            along, across = dy * np.cos(angle) - dx * np.sin(angle), dx * np.cos(angle) + dy * np.sin(angle)
            image += np.exp(-b * (np.hypot(along, across / q) / R_EFF) ** (1 / n)) / 49
    norm = 2 * math.pi * q * R_EFF**2 * n * b ** (-2 * n) * math.gamma(2 * n)
    return image * FLUX / norm


def petrosian(n: float) -> float:
    """Radius (pixel) at which the local brightness is a fifth of the mean one inside, from the Sérsic law."""
    b = gammaincinv(2 * n, 0.5)

    def ratio(r):
        inside = 2 * n * b ** (-2 * n) * math.gamma(2 * n) * gammainc(2 * n, b * r ** (1 / n)) / r**2
        return math.exp(-b * r ** (1 / n)) / inside - 0.2

    return R_EFF * brentq(ratio, 0.3, 6.0)


def concentration(n: float) -> float:
    """5 log10(r80 / r20) of the light inside 1.5 Petrosian radii, from the Sérsic law."""
    b, edge = gammaincinv(2 * n, 0.5), 1.5 * petrosian(n) / R_EFF
    whole = gammainc(2 * n, b * edge ** (1 / n))
    r20, r80 = ((gammaincinv(2 * n, share * whole) / b) ** n for share in (0.2, 0.8))
    return 5 * math.log10(r80 / r20)


def fit_of(model_image: np.ndarray, image: np.ndarray, sigma: float, mask=None, **changes) -> GalaxyFit:
    """A fit whose model image is given: a Sérsic galaxy and a sky."""
    model = models.load("sersic+sky")
    centre = {"sersic_x": 90.0, "sersic_y": 90.0, "sersic_mag": 12.0, "sersic_r_eff": R_EFF, "sersic_q": 1.0}
    values = np.array([centre.get(column, 0.0) for column in model.columns])
    target = Galaxy.from_arrays(image, np.full(image.shape, sigma), mask=mask, name="G", zeropoint=25.0)
    sky = np.zeros_like(model_image)
    unknown = np.full(len(values), np.nan)
    fields = {
        "name": "G", "model": model, "parameters": values, "errors": unknown, "starts": values, "chi2": 1.0,
        "chi2_nu": 1.0, "n_pixels": image.size, "n_free": 8, "iterations": 3, "seconds": 0.1, "flags": 0,
        "galaxy": target, "model_image": model_image, "component_images": np.stack([model_image, sky]),
    }  # fmt: skip
    return GalaxyFit(**(fields | changes))


@pytest.fixture(scope="module")
def measured() -> dict[float, dict]:
    """Companions of circular galaxies of three Sérsic indices under little noise."""
    rng = np.random.default_rng(8)
    found = {}
    for n in (0.8, 1.0, 2.0):
        image = sersic_image(n)
        found[n] = companions.companions(fit_of(image, image + rng.normal(0, 0.5, SHAPE), 0.5))
    return found


@pytest.mark.parametrize("n", [0.8, 1.0, 2.0])
def test_petrosian_radius_and_concentration_of_sersic_galaxies(measured, n):
    assert measured[n]["petrosian_radius"] == pytest.approx(petrosian(n), rel=0.02)
    assert measured[n]["concentration"] == pytest.approx(concentration(n), abs=0.06)
    assert measured[n]["companion_notes"] == ""


@pytest.mark.parametrize("n", [0.8, 1.0, 2.0])
def test_a_smooth_round_galaxy_is_symmetric_and_as_smooth_as_its_curvature_allows(measured, n):
    assert abs(measured[n]["asymmetry"]) < 0.002
    # What a box of a quarter of the Petrosian radius takes from the curved profile itself.
    light, reach = sersic_image(n), petrosian(n)
    rows, columns = np.indices(SHAPE)
    r = np.hypot(rows - 90, columns - 90)
    excess = np.clip(light - ndimage.uniform_filter(light, int(0.25 * reach)), 0, None)
    expected = excess[(r >= 0.25 * reach) & (r <= 1.5 * reach)].sum() / light[r <= 1.5 * reach].sum()
    assert measured[n]["smoothness"] == pytest.approx(expected, abs=0.006)
    assert abs(measured[n]["rff"]) < 0.005


def test_gini_grows_with_the_index_and_follows_its_definition(measured):
    """Against the mean absolute difference of the same pixels, from the Sérsic image itself."""
    assert measured[0.8]["gini"] < measured[1.0]["gini"] < measured[2.0]["gini"]
    rows, columns = np.indices(SHAPE)
    r = np.hypot(rows - 90, columns - 90)
    # Lotz et al.: pixels brighter than the brightness at the Petrosian radius.
    light = np.sort(sersic_image(1.0)[r <= petrosian(1.0)])
    k = np.arange(1, len(light) + 1)
    expected = ((2 * k - len(light) - 1) * light).sum() / (light.mean() * len(light) * (len(light) - 1))
    assert measured[1.0]["gini"] == pytest.approx(expected, abs=0.02)


def test_a_uniform_patch_has_no_gini():
    """All pixels alike: Gini is 0 but for the noise."""
    rows, columns = np.indices(SHAPE)
    patch = np.where(np.hypot(rows - 90, columns - 90) < 30.0, 100.0, 0.0)
    noisy = patch + np.random.default_rng(2).normal(0, 0.5, SHAPE)
    assert companions.companions(fit_of(patch, noisy, 0.5))["gini"] < 0.06


def test_a_knot_makes_a_galaxy_asymmetric():
    rng = np.random.default_rng(4)
    image = sersic_image(1.0)
    rows, columns = np.indices(SHAPE)
    knot = 60.0 * np.exp(-0.5 * ((columns - 104) ** 2 + (rows - 90) ** 2) / 2.0**2)
    share = knot.sum() / (image.sum() + knot.sum())
    found = companions.companions(fit_of(image, image + knot + rng.normal(0, 0.5, SHAPE), 0.5))
    # Half a turn puts the knot elsewhere: the difference counts its light twice.
    assert found["asymmetry"] == pytest.approx(2 * share, rel=0.25)
    assert found["rff"] == pytest.approx(share, rel=0.25)


# ---- residual flux fraction --------------------------------------------------------------------------


def test_pure_noise_has_no_residual_flux():
    model = sersic_image(1.0)
    rng = np.random.default_rng(1)
    found = [companions.residual_flux_fraction(fit_of(model, model + rng.normal(0, 3.0, SHAPE), 3.0))
             for _ in range(20)]  # fmt: skip
    # About 5300 pixels in the aperture: scatter 3 * sqrt((1 - 2/pi) 5300) / 0.9 FLUX = 0.0007.
    assert abs(np.mean(found)) < 3 * 0.0007 / math.sqrt(20)
    assert 0.0003 < np.std(found) < 0.0012


def test_a_known_residual_is_found():
    """A model that is a tenth too bright everywhere leaves a tenth of the light, without noise to hide it."""
    light = sersic_image(1.0)
    fit = fit_of(1.1 * light, light, 1e-9)
    assert companions.residual_flux_fraction(fit) == pytest.approx(0.1 / 1.1, rel=1e-5)


def test_residual_flux_ignores_masked_pixels_and_sky():
    light = sersic_image(1.0)
    mask = np.zeros(SHAPE, bool)
    mask[80:85, 80:85] = True
    fit = fit_of(light, np.where(mask, 1e4, light), 1e-9, mask)
    assert companions.residual_flux_fraction(fit) == pytest.approx(0.0, abs=1e-6)
    sky = np.full(SHAPE, 5.0)
    lifted = dataclasses.replace(
        fit_of(1.1 * light + sky, light + sky, 1e-9), component_images=np.stack([1.1 * light, sky])
    )
    assert companions.residual_flux_fraction(lifted) == pytest.approx(0.1 / 1.1, rel=1e-5)


def test_neighbours_do_not_count_as_the_galaxys_light():
    light = sersic_image(1.0)
    other = sersic_image(1.0, (150.0, 90.0))
    model = models.Model((models.Component("sersic", "sersic"), models.Component("neighbour1", "sersic")))
    values = np.array([90.0, 90, 12, R_EFF, 1, 1, 0, 0, 150.0, 90, 12.1, R_EFF, 1, 1, 0, 0])
    fit = fit_of(
        light + other, light + other, 1e-9, model=model, parameters=values,
        component_images=np.stack([light, other]),
    )  # fmt: skip
    assert np.array_equal(companions.background(fit), other)


# ---- what goes wrong ----------------------------------------------------------------------------------


def test_every_column_has_words_and_a_value(measured):
    assert all(isinstance(info, ColumnInfo) and info.description.isascii() for info in companions.COLUMNS)
    assert list(measured[1.0]) == [info.name for info in companions.COLUMNS]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"flags": int(Flag.FAILED)}, "no usable fit"),
        ({"model_image": None, "component_images": None}, "no usable fit"),
        ({"model_image": np.full(SHAPE, np.nan)}, "no usable fit"),
    ],
)
def test_a_failed_fit_has_nan_and_a_note(changes, word):
    light = sersic_image(1.0)
    found = companions.companions(dataclasses.replace(fit_of(light, light, 1.0), **changes))
    assert all(math.isnan(found[name]) for name in NUMBERS)
    assert word in found["companion_notes"]


def test_noise_alone_is_not_measured():
    empty = np.random.default_rng(5).normal(0, 1.0, SHAPE)
    found = companions.companions(fit_of(np.full(SHAPE, 1e-6), empty, 1.0))
    assert math.isnan(found["gini"])
    assert "no light above the noise" in found["companion_notes"]


def test_what_statmorph_says_becomes_a_note():
    """A galaxy larger than its stamp: statmorph warns, and the numbers come with its words."""
    light = sersic_image(4.0)[60:121, 60:121]
    noisy = light + np.random.default_rng(3).normal(0, 0.5, light.shape)
    model = fit_of(light, noisy, 0.5)
    values = model.parameters.copy()
    values[:2] = 30.0
    found = companions.companions(dataclasses.replace(model, parameters=values))
    assert "statmorph" in found["companion_notes"]


def test_a_crash_inside_statmorph_stops_nothing(monkeypatch):
    import statmorph

    def crash(*_, **__):
        raise ZeroDivisionError("odd image")

    monkeypatch.setattr(statmorph, "SourceMorphology", crash)
    light = sersic_image(1.0)
    found = companions.companions(fit_of(light, light, 1.0))
    assert "statmorph failed (ZeroDivisionError: odd image)" in found["companion_notes"]
    assert math.isnan(found["concentration"])
    assert math.isfinite(found["rff"])


def test_without_statmorph_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "statmorph", None)
    light = sersic_image(1.0)
    with pytest.raises(GalviewerError, match=r"galviewer\[science\]"):
        companions.companions(fit_of(light, light, 1.0))
