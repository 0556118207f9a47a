"""Every kind of broken input: what is said, what is repaired, and that the rest goes on."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from galviewer import survey
from galviewer.errors import InputError
from galviewer.flags import Flag
from galviewer.survey import Galaxy


def read(folder, name="bad"):
    return survey.read_with_problems(survey.scan(folder.path)[name])


def cut(path, keep):
    path.write_bytes(path.read_bytes()[:keep])


def changed(array, where, value):
    array = np.array(array, dtype=float)
    array[where] = value
    return array


ERRORS = {
    "shape of sigma": (
        lambda f: f.galaxy("bad", sigma=f.sigma[:30]),
        "the sigma is 48 x 30 pixels, the image 48 x 40",
    ),
    "shape of mask": (lambda f: f.galaxy("bad", mask=f.mask[:, :20]), "the mask is 20 x 40 pixels"),
    "all sigma zero": (lambda f: f.galaxy("bad", sigma=0 * f.sigma), "no pixel of the sigma is positive"),
    "all masked": (lambda f: f.galaxy("bad", mask=f.mask + 1), "every pixel is masked"),
    "all nan": (lambda f: f.galaxy("bad", image=f.image * np.nan), "every pixel is masked, NaN or infinite"),
    "constant image": (lambda f: f.galaxy("bad", image=0 * f.image), "all unmasked pixels have the value 0"),
    "cube": (lambda f: f.galaxy("bad", image=np.stack([f.image] * 2)), r"3 dimensions \(48 x 40 x 2\)"),
    "tiny image": (lambda f: f.galaxy("bad", image=f.image[:3, :3]), "shape 3 x 3"),
    "psf without light": (lambda f: f.galaxy("bad", psf=0 * f.psf), "the PSF has no positive pixel"),
    "negative psf": (lambda f: f.galaxy("bad", psf=-f.psf), "the PSF has no positive pixel"),
    "mostly negative psf": (lambda f: f.galaxy("bad", psf=f.psf - 0.01), "is negative: .*% of its light"),
    "nan psf": (lambda f: f.galaxy("bad", psf=f.psf * np.nan), "the PSF has 225 NaN"),
    "psf in a corner": (
        lambda f: f.galaxy("bad", psf=np.roll(f.psf, (-7, -7), (0, 1))),
        r"the PSF is centred at",
    ),
}


@pytest.mark.parametrize("kind", ERRORS)
def test_unusable_input_names_whose_what_expected(folder, kind):
    write, message = ERRORS[kind]
    write(folder)
    folder.galaxy("good")
    with pytest.raises(InputError, match=message) as caught:
        read(folder)
    assert caught.value.whose == "bad"
    assert caught.value.expected
    outcome = {entry.name: galaxy is not None for entry, galaxy, _ in survey.check(folder.path)}
    assert outcome == {"bad": False, "good": True}


@pytest.mark.parametrize("keep", [0, 1000, 2880, 2880 + 4000])
@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".fits.fz"])
def test_truncated_files(folder, keep, suffix):
    folder.galaxy("bad", suffix)
    folder.galaxy("good")
    path = folder.path / f"bad_image{suffix}"
    keep = min(keep, path.stat().st_size // 2)
    cut(path, keep)
    with pytest.raises(InputError, match=r"bad_image.*(cannot be read|has no image in any HDU)"):
        read(folder)
    assert [galaxy is not None for _, galaxy, _ in survey.check(folder.path)] == [False, True]


def test_not_a_fits_file(folder):
    folder.galaxy("bad")
    (folder.path / "bad_image.fits").write_text("hello " * 1000)
    with pytest.raises(InputError, match="cannot be read"):
        read(folder)


def test_file_that_vanished(folder):
    folder.galaxy("bad")
    entry = survey.scan(folder.path)["bad"]
    (folder.path / "bad_sigma.fits").unlink()
    with pytest.raises(InputError, match="there is no file"):
        survey.read(entry)


def test_wrong_hdu_lists_what_is_there(folder):
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU(Table({"a": [1, 2]}), name="CAT")]
    fits.HDUList(hdus).writeto(folder.path / "bad_image.fits")
    with pytest.raises(
        InputError, match=r"has no image in any HDU; its HDUs are: 0 PRIMARY \(empty\), 1 CAT \(table\)"
    ):
        read(folder)
    settings = survey.SurveySettings(image_hdu="SCI2")
    with pytest.raises(InputError, match="in HDU SCI2"):
        survey.read(survey.scan(folder.path)["bad"], settings)


def test_empty_primary_with_the_image_behind(folder):
    folder.galaxy("bad", image=None)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(folder.image)]).writeto(folder.path / "bad_image.fits")
    np.testing.assert_array_equal(read(folder)[0].image, folder.image)


def test_undefined_pixels_are_masked(folder):
    folder.galaxy("bad", image=changed(changed(folder.image, (3, slice(0, 5)), np.nan), (4, 4), np.inf))
    galaxy, problems = read(folder)
    assert galaxy.mask.sum() == 6
    assert np.isfinite(galaxy.image).all()
    assert galaxy.flags & Flag.INPUT_REPAIRED
    assert "6 pixels of the image are NaN or infinite; they were masked" in galaxy.notes[0]
    assert problems[0].severity == "repaired"


def test_undefined_pixels_masked_already_are_no_news(folder):
    image = changed(folder.image, (3, 3), np.nan)
    folder.galaxy("bad", image=image, mask=changed(folder.mask, (3, 3), 1))
    galaxy, _ = read(folder)
    assert galaxy.flags == 0
    assert galaxy.notes == ()


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_some_bad_sigma_is_masked(folder, value):
    folder.galaxy("bad", sigma=changed(folder.sigma, (slice(0, 2), 0), value))
    galaxy, _ = read(folder)
    assert galaxy.mask.sum() == 2
    assert (galaxy.sigma > 0).all()
    assert galaxy.flags & Flag.INPUT_REPAIRED


def test_zero_weight_is_a_mask_not_a_repair(folder):
    folder.galaxy("bad", sigma=None)
    folder.write("bad_ivar.fits", changed(1.0 / folder.sigma**2, (0, 0), 0.0))
    galaxy, _ = read(folder)
    assert galaxy.mask.sum() == 1
    assert galaxy.flags == 0
    np.testing.assert_allclose(galaxy.sigma, 0.5)


@pytest.mark.parametrize("kind", ["i2", "u1", "i4", "u2", ">f4", ">f8", "<i2"])
def test_types_become_native_doubles(folder, kind):
    data = np.round(folder.image + 20).astype(kind)
    folder.galaxy("bad", image=data)
    galaxy, _ = read(folder)
    assert galaxy.image.dtype == np.dtype("=f8")
    assert galaxy.image.flags.c_contiguous
    assert not galaxy.image.flags.writeable
    np.testing.assert_array_equal(galaxy.image, data.astype(float))


def test_scaled_integers(folder):
    hdu = fits.PrimaryHDU(folder.image.copy())  # scale works in place
    hdu.scale("int16", bscale=0.01, bzero=25.0)
    hdu.writeto(folder.path / "bad_image.fits")
    folder.galaxy("bad", image=None)
    np.testing.assert_allclose(read(folder)[0].image, folder.image, atol=0.006)


def test_blank_integers_are_masked(folder):
    hdu = fits.PrimaryHDU(np.round(folder.image + 50).astype("i2"))
    hdu.header["BLANK"] = int(hdu.data[5, 5])
    expected = int((hdu.data == hdu.data[5, 5]).sum())
    hdu.writeto(folder.path / "bad_image.fits")
    folder.galaxy("bad", image=None)
    assert read(folder)[0].mask.sum() == expected


def test_one_plane_cube_is_squeezed(folder):
    folder.galaxy("bad", image=folder.image[None, None])
    assert read(folder)[0].shape == (40, 48)


@pytest.mark.parametrize("unit", [1e-12, 1e9, 1e-30])
def test_units_do_not_matter(folder, unit):
    folder.galaxy("bad", image=folder.image * unit, sigma=folder.sigma * unit)
    galaxy, problems = read(folder)
    np.testing.assert_allclose(galaxy.image / unit, folder.image, rtol=1e-12)
    assert problems == []


def test_missing_sigma_psf_and_gain_are_said(folder):
    folder.galaxy("bad", sigma=None, psf=None)
    galaxy, _ = read(folder)
    assert galaxy.sigma_origin == "background"
    assert galaxy.flags == Flag.SIGMA_BUILT | Flag.NO_PSF
    assert galaxy.sigma[0, 0] == pytest.approx(0.5, rel=0.1)
    assert any("scatter of the background" in note for note in galaxy.notes)


def test_mask_upside_down_gets_a_hint(folder):
    folder.galaxy("bad", mask=(folder.image > 5).astype(np.uint8))
    galaxy, problems = read(folder)
    assert "invert it if needed" in str(problems[0])
    assert galaxy.flags == 0


def test_arrays_are_checked_as_files_are(folder):
    with pytest.raises(InputError, match="thing: the sigma is 48 x 30 pixels"):
        Galaxy.from_arrays(folder.image, folder.sigma[:30], name="thing")
    galaxy = Galaxy.from_arrays(folder.image, folder.sigma, 3 * folder.psf, centre=(10, 11), zeropoint=20.0)
    assert galaxy.target == (10, 11)
    assert galaxy.flags & Flag.INPUT_REPAIRED
    with pytest.raises(InputError, match="lies outside"):
        Galaxy.from_arrays(folder.image, folder.sigma, centre=(60, 11))
    with pytest.raises(InputError, match="values of type"):
        Galaxy.from_arrays(folder.image.astype(complex), folder.sigma)


def test_the_users_arrays_are_left_alone(folder):
    image, mask = changed(folder.image, (0, 0), np.nan), folder.mask.astype(bool)
    Galaxy.from_arrays(image, folder.sigma, folder.psf, mask)
    assert np.isnan(image[0, 0])
    assert not mask.any()
    assert image.flags.writeable
