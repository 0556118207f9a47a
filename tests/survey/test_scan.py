"""Which files become which galaxies."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from galviewer import survey
from galviewer.errors import SettingsError
from galviewer.survey import SurveySettings


def names(found):
    return [entry.name for entry in found.entries]


@pytest.mark.parametrize("suffix", [".fits", ".fits.gz", ".fits.fz", ".fit", ".FITS"])
def test_suffixes_are_found_and_read(folder, suffix):
    folder.galaxy("a", suffix)
    found = survey.scan(folder.path)
    assert names(found) == ["a"]
    assert found.problems == ()
    galaxy = survey.read(found["a"])
    tolerance = 0.2 if suffix.endswith("fz") else 0.0  # Rice compression of floats quantises
    np.testing.assert_allclose(galaxy.image, folder.image, atol=tolerance)
    assert galaxy.psf is not None
    assert galaxy.zeropoint == 22.5


def test_names_with_spaces_and_unicode(folder):
    for name in ("NGC 1 (south)", "Größe_λ", "星雲", "a[1]"):
        folder.galaxy(name)
    found = survey.scan(folder.path)
    assert sorted(names(found)) == sorted(["NGC 1 (south)", "Größe_λ", "星雲", "a[1]"])
    for entry in found.entries:
        assert survey.read(entry).shape == (40, 48)


def test_other_patterns_and_subfolders(folder):
    folder.write("cut/g7-sci.fits", folder.image)
    folder.write("noise/rms_g7.fits", folder.sigma)
    settings = SurveySettings(image_pattern="{name}-sci", sigma_pattern="noise/rms_{name}")
    found = survey.scan(folder.path, settings)
    assert names(found) == ["g7"]
    assert set(found["g7"].paths) == {"image", "sigma"}


def test_a_pattern_of_the_name_alone_takes_what_nothing_else_takes(folder):
    folder.write("g1.fits", folder.image)
    folder.write("g1_sigma.fits", folder.sigma)
    found = survey.scan(folder.path, SurveySettings(image_pattern="{name}"))
    assert names(found) == ["g1"]
    assert set(found["g1"].paths) == {"image", "sigma"}


def test_shared_psf_is_psf_fits_and_nothing_else(folder):
    folder.galaxy("a", psf=None)
    folder.galaxy("b")
    for file in ("psf.fits", "psf_nopixel.fits", "psf_os5.fits"):
        folder.write(file, folder.psf)
    folder.write("noiseless.fits", np.stack([folder.image] * 3))
    found = survey.scan(folder.path)
    assert names(found) == ["a", "b"]
    assert found["a"].paths["psf"].endswith("/psf.fits")
    assert found["b"].paths["psf"].endswith("b_psf.fits")
    assert {p.whose for p in found.problems} == {"noiseless.fits", "psf_nopixel.fits", "psf_os5.fits"}
    assert {p.severity for p in found.problems} == {"note"}


def test_a_single_psf_of_another_name_is_shared(folder):
    folder.galaxy("a", psf=None)
    folder.write("star_psf.fits", folder.psf)
    found = survey.scan(folder.path)
    assert found["a"].paths["psf"].endswith("star_psf.fits")
    assert found.problems == ()


def test_several_possible_psfs_are_none(folder):
    folder.galaxy("a", psf=None)
    for file in ("psf_r.fits", "psf_g.fits"):
        folder.write(file, folder.psf)
    found = survey.scan(folder.path)
    assert "psf" not in found["a"].paths
    assert any("psf_g.fits, psf_r.fits" in str(problem) for problem in found.problems)


def test_given_psf_wins_over_the_folders(folder):
    folder.galaxy("a", psf=None)
    folder.write("psf.fits", folder.psf)
    folder.write("mine.fits", folder.psf)
    assert survey.scan(folder.path, SurveySettings(psf="mine.fits"))["a"].paths["psf"].endswith("mine.fits")
    with pytest.raises(SettingsError, match=r"psf: there is no file none\.fits"):
        survey.scan(folder.path, SurveySettings(psf="none.fits"))


def test_files_without_an_image_are_told(folder):
    folder.galaxy("a")
    folder.galaxy("b", image=None)
    found = survey.scan(folder.path)
    assert names(found) == ["a"]
    (problem,) = found.problems
    assert problem.severity == "error"
    assert str(problem).startswith(
        "b: has b_mask.fits, b_psf.fits, b_sigma.fits but no image; expected b_image.fits"
    )


@pytest.mark.parametrize(("image", "sigma", "weight"), [("SCI", "ERR", False), ("DATA", "IVAR", True)])
def test_multi_extension_files(folder, image, sigma, weight):
    noise = 1.0 / folder.sigma**2 if weight else folder.sigma
    folder.multi("m1.fits", {image: folder.image, sigma: noise, "PSF": folder.psf, "MASK": folder.mask})
    found = survey.scan(folder.path)
    assert names(found) == ["m1"]
    galaxy = survey.read(found["m1"])
    np.testing.assert_allclose(galaxy.sigma, 0.5)
    assert galaxy.psf is not None
    assert galaxy.sigma_origin == "file"


def test_multi_extension_image_without_a_name(folder):
    folder.multi("m2.fits", {"ERR": folder.sigma}, primary=folder.image)
    galaxy = survey.read(survey.scan(folder.path)["m2"])
    np.testing.assert_array_equal(galaxy.image, folder.image)


@pytest.mark.parametrize("kind", ["csv", "ecsv", "fits"])
def test_tables_of_paths(folder, kind):
    folder.galaxy("a")
    folder.multi("cube.fits", {"ONE": folder.image, "TWO": folder.image + 1.0})
    seg = np.zeros(folder.image.shape, dtype=np.int16)
    seg[:, :24], seg[:, 24:] = 3, 4
    folder.write("seg.fits", seg)
    rows = {
        "name": ["first", "second"],
        "image": ["a_image.fits", "cube.fits[TWO]"],
        "sigma": ["a_sigma.fits", "a_sigma.fits"],
        "seg": ["", "seg.fits"],
        "x": [20.0, 30.0],
        "y": [18.0, 19.0],
        "zeropoint": [25.0, 26.0],
        "target": [0, 3],
    }
    path = folder.path / f"list.{kind}"
    if kind == "csv":
        lines = [",".join(rows), *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True))]
        path.write_text("\n".join(lines))
    else:
        Table(rows).write(path, format="ascii.ecsv" if kind == "ecsv" else "fits")
    found = survey.scan(path)
    assert names(found) == ["first", "second"]
    first, second = (survey.read(entry) for entry in found.entries)
    assert first.centre == (20.0, 18.0)
    assert (first.zeropoint, second.zeropoint) == (25.0, 26.0)
    np.testing.assert_array_equal(second.image, folder.image + 1.0)
    assert second.mask[:, 24:].all()
    assert not second.mask[:, :24].any()


def test_a_table_of_values_joins_the_folder(folder):
    folder.galaxy("a")
    folder.galaxy("b")
    (folder.path / "places.csv").write_text("Name, x ,y\na,10,11\nc,1,1\n".replace(" ", ""))
    found = survey.scan(folder.path, SurveySettings(table="places.csv"))
    assert names(found) == ["a"]
    assert survey.read(found["a"]).centre == (10.0, 11.0)
    assert [problem.whose for problem in found.problems] == ["c"]


def test_bad_rows_and_repeated_names_are_told(folder):
    folder.galaxy("a")
    (folder.path / "t.csv").write_text(
        "name,image,x\na,a_image.fits,1\na,a_image.fits,2\nb,a_image.fits,left\n,,\n"
    )
    found = survey.scan(folder.path / "t.csv")
    assert names(found) == ["a"]
    texts = " | ".join(map(str, found.problems))
    assert "a: occurs twice" in texts
    assert "x is 'left'" in texts
    assert "row 4: has neither name nor image" in texts


def test_empty_folder_and_no_folder(folder):
    (problem,) = survey.scan(folder.path).problems
    assert "holds no galaxy" in str(problem)
    with pytest.raises(SettingsError, match="is not there"):
        survey.scan(folder.path / "nowhere")


@pytest.mark.parametrize(
    "changes",
    [{"image_pattern": "image"}, {"image_pattern": ""}, {"pixel_scale": 0.0}, {"psf_oversample": 0}],
)
def test_senseless_settings(changes):
    with pytest.raises(SettingsError):
        SurveySettings(**changes)
