"""Sigma from gain and read noise, zeropoints, scales, coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from galviewer import survey
from galviewer.errors import InputError
from galviewer.survey import Galaxy, SurveySettings
from galviewer.survey.noise import background


def test_imfits_formula_with_known_sky(folder):
    header = {"GAIN": 4.7, "RDNOISE": 4.3, "ORIGSKY": 130.0, "NCOMBINE": 2}
    galaxy = Galaxy.from_arrays(folder.image, header=header)
    g = 4.7 * 2
    np.testing.assert_allclose(galaxy.sigma**2, (folder.image + 130.0) / g + 2 * (4.3 / g) ** 2)
    assert galaxy.sigma_origin == "gain"


def test_galfits_formula_with_measured_sky(folder):
    galaxy = Galaxy.from_arrays(folder.image + 7.0, gain=2.0)
    level, rms = background(folder.image + 7.0, np.zeros(folder.image.shape, bool))
    assert level == pytest.approx(7.0, abs=0.2)
    np.testing.assert_allclose(galaxy.sigma**2, np.maximum(folder.image + 7.0 - level, 0) / 2.0 + rms**2)


def test_rates_count_the_exposure_time(folder):
    header = {"GAIN": 1.0, "EXPTIME": "100.0", "BUNIT": "electron/s", "ORIGSKY": 60.0}
    galaxy = Galaxy.from_arrays(folder.image, header=header)
    np.testing.assert_allclose(galaxy.sigma**2, (folder.image + 60.0) / 100.0)


def test_built_sigma_equals_imfits_own(shared_data):
    source = shared_data / "imfit_sdss3"
    entry = survey.scan(source)["IC3478_r_64"]
    paths = {"image": entry.paths["image"]}
    galaxy = survey.read(survey.Entry("IC3478_r_64", paths))
    expected = fits.getdata(source / "IC3478_r_64_sigma.fits")
    np.testing.assert_allclose(galaxy.sigma, expected, rtol=2e-7)
    assert galaxy.sigma_origin == "gain"


@pytest.mark.parametrize("card", ["MAGZP", "MAGZPT", "ZEROPOINT", "PHOTZP"])
def test_zeropoint_cards_and_settings(folder, card):
    # ZEROPOINT is nine characters, so astropy writes it as a HIERARCH card
    cards = {card if len(card) <= 8 else f"HIERARCH {card}": 24.5}
    folder.write("a_image.fits", folder.image, **cards)
    folder.galaxy("a", image=None)
    entry = survey.scan(folder.path)["a"]
    assert survey.read(entry).zeropoint == 24.5
    assert survey.read(entry, SurveySettings(zeropoint=20.0)).zeropoint == 20.0


def test_galfits_zeropoint_per_second(folder):
    folder.write("a_image.fits", folder.image, MAGZP=26.563, EXPTIME=1040.0)
    folder.galaxy("a", image=None)
    entry = survey.scan(folder.path)["a"]
    galaxy = survey.read(entry, SurveySettings(exposure_zeropoint=True))
    assert galaxy.zeropoint == pytest.approx(26.563 + 2.5 * np.log10(1040.0))
    folder.write("b_image.fits", folder.image, MAGZP=26.563)
    with pytest.raises(InputError, match="no EXPTIME"):
        survey.read(survey.scan(folder.path)["b"], SurveySettings(exposure_zeropoint=True))


def wcs_cards(scale):
    return {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 2.0,
        "CRPIX1": 24.5, "CRPIX2": 20.5,
        "CD1_1": -scale / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": scale / 3600,
    }  # fmt: skip


def test_world_coordinates_and_scale(folder):
    folder.write("a_image.fits", folder.image, **wcs_cards(0.2), PIXSCALE=0.4)
    galaxy, problems = survey.read_with_problems(survey.scan(folder.path)["a"])
    assert galaxy.wcs is not None
    ra, dec = galaxy.wcs.all_pix2world(23.5, 19.5, 0)
    assert (float(ra), float(dec)) == pytest.approx((150.0, 2.0))
    assert galaxy.pixel_scale == pytest.approx(0.2)
    assert any("a card says 0.4" in str(problem) for problem in problems)
    assert survey.read(survey.scan(folder.path)["a"], SurveySettings(pixel_scale=0.3)).pixel_scale == 0.3


def test_scale_from_a_card(folder):
    folder.write("a_image.fits", folder.image, PIXSCALE=0.396)
    galaxy = survey.read(survey.scan(folder.path)["a"])
    assert galaxy.pixel_scale == 0.396
    assert galaxy.wcs is None


def test_broken_wcs_costs_a_note_not_the_galaxy(folder):
    folder.write("a_image.fits", folder.image, **(wcs_cards(0.2) | {"CTYPE1": "RA---XXX", "CD1_1": 0.0}))
    galaxy, _ = survey.read_with_problems(survey.scan(folder.path)["a"])
    assert galaxy.wcs is None


def test_header_cards_are_carried(folder):
    folder.write("a_image.fits", folder.image, OBJECT="M 31", FILTER="r", GAIN=2.0)
    assert survey.read(survey.scan(folder.path)["a"]).header == {"OBJECT": "M 31", "FILTER": "r", "GAIN": 2.0}
