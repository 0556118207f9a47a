"""GALFIT's and imfit's set-ups to galaxies: files found, cut, and the noise that imfit takes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.io import fits

import galviewer as gv
from galviewer.errors import InputError

FEEDME = "A) in/gal.fits[sci]\nF) bad.txt\nH) {region}\nJ) 25\nK) 0.3 0.3\n0) sky\n1) 1 1\n2) 0 0\n3) 0 0\n"


@pytest.fixture
def image(tmp_path, rng):
    """A file whose image is in the extension SCI, of 30 x 20 pixels."""
    data = rng.normal(100.0, 3.0, (20, 30))
    hdu = fits.ImageHDU(data.astype(np.float32), name="SCI")
    hdu.header["EXPTIME"] = 100.0
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(tmp_path / "gal.fits")
    return hdu.data.astype(float)


def test_a_region_hdu_and_list_of_bad_pixels(tmp_path, image):
    (tmp_path / "x.feedme").write_text(FEEDME.format(region="5 24 3 18"))
    (tmp_path / "bad.txt").write_text("# x y\n5 3\n24 18\n99 99\n")
    galaxy = gv.read_galfit(tmp_path / "x.feedme").galaxy()
    np.testing.assert_array_equal(galaxy.image, image[2:18, 4:24])
    assert galaxy.name == "gal"
    assert galaxy.zeropoint == pytest.approx(25 + 2.5 * math.log10(100))
    assert galaxy.pixel_scale == pytest.approx(0.3)
    assert np.argwhere(galaxy.mask).tolist() == [[0, 0], [15, 19]]


def test_imfits_noise(tmp_path, image):
    text = "GAIN 2\nREADNOISE 5\nORIGINAL_SKY 40\nNCOMBINED 3\nX0 1\nY0 1\nFUNCTION FlatSky\nI_sky 100"
    (tmp_path / "x.dat").write_text(text)
    galaxy = gv.read_imfit(tmp_path / "x.dat", 22.5).galaxy("gal.fits[SCI]")
    expected = np.sqrt((image + 40) / 6 + 3 * (5 / 6) ** 2)
    np.testing.assert_allclose(galaxy.sigma, expected, rtol=1e-12)
    assert galaxy.zeropoint == 22.5


@pytest.mark.parametrize(
    ("region", "bad", "message"),
    [("1 9 1 9", None, "there is no file bad.txt"), ("31 40 1 9", "1 1", r"begins at \(31, 1\)"),
     ("1 9 1 9", "a b", "cannot be read")],
)  # fmt: skip
def test_what_is_wrong_is_told(tmp_path, image, region, bad, message):
    (tmp_path / "x.feedme").write_text(FEEDME.format(region=region))
    if bad is not None:
        (tmp_path / "bad.txt").write_text(bad)
    with pytest.raises(InputError, match=message):
        gv.read_galfit(tmp_path / "x.feedme").galaxy()
