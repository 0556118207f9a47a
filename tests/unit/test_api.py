"""The short way in gives what the long way gives."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits as fitsio
from astropy.nddata import CCDData, InverseVariance, NDData, StdDevUncertainty, VarianceUncertainty

import galviewer
from galviewer.errors import GalviewerError, SettingsError
from galviewer.products import summary


@pytest.fixture(scope="module")
def files(sample_folder):
    """Return image, sigma and PSF of one sample galaxy."""
    return [sample_folder / f"gv04_{role}.fits.gz" for role in ("image", "sigma", "psf")]


@pytest.fixture(scope="module")
def arrays(files):
    return [np.asarray(fitsio.getdata(path), float) for path in files]


@pytest.fixture(scope="module")
def fit(files):
    return galviewer.fit_image(*files)


def test_files_are_read_as_those_of_a_folder(fit, sample_folder):
    survey = galviewer.scan(sample_folder)
    long_way = galviewer.fit_galaxies([galviewer.read(survey["gv04"])], "sersic")[0]
    assert fit.name == "gv04"
    assert np.array_equal(fit.parameters, long_way.parameters)
    assert fit.galaxy.pixel_scale == long_way.galaxy.pixel_scale
    assert fit.galaxy.wcs is not None


def test_arrays_give_the_same_fit_as_files(fit, arrays):
    again = galviewer.fit_image(*arrays, zeropoint=fit.galaxy.zeropoint)
    assert again.parameters == pytest.approx(fit.parameters, rel=1e-6)


@pytest.mark.parametrize(
    "noise",
    [
        StdDevUncertainty,
        lambda s: VarianceUncertainty(s**2),
        lambda s: InverseVariance(1 / s**2),
    ],
)
def test_nddata_brings_its_noise_and_mask(arrays, fit, noise):
    image, sigma, psf = arrays
    mask = np.zeros(image.shape, bool)
    mask[:9, :9] = True
    data = NDData(np.where(mask, np.nan, image), uncertainty=noise(sigma), mask=mask)
    found = galviewer.fit_image(data, psf=psf, zeropoint=22.5)
    assert found.galaxy.mask[:9, :9].all()
    assert found.galaxy.sigma[20:] == pytest.approx(sigma[20:])
    assert found.value("sersic_r_eff") == pytest.approx(fit.value("sersic_r_eff"), rel=0.02)


def test_ccddata_brings_wcs_and_header(arrays, fit):
    image, sigma, psf = arrays
    data = CCDData(
        image, unit="adu", uncertainty=StdDevUncertainty(sigma), wcs=fit.galaxy.wcs, meta={"FILTER": "r"}
    )
    found = galviewer.fit_image(data, psf=psf, zeropoint=22.5)
    assert found.galaxy.pixel_scale == pytest.approx(fit.galaxy.pixel_scale, rel=1e-6)
    assert found.galaxy.header["FILTER"] == "r"


def test_starts_by_name(files, fit):
    settings = galviewer.FitSettings(max_iterations=1)
    found = galviewer.fit_image(*files, starts={"sersic_n": 3.3}, settings=settings)
    assert found.starts[found.model.index("sersic_n")] == 3.3
    others = [k for k, column in enumerate(fit.model.columns) if column != "sersic_n"]
    assert found.starts[others] == pytest.approx(fit.starts[others])


def test_what_does_not_go_together_is_told(files, arrays):
    image, sigma, psf = arrays
    with pytest.raises(SettingsError, match="sigma: is a file while the image is an array"):
        galviewer.fit_image(image, files[1])
    with pytest.raises(SettingsError, match="psf: is an array while the image is a file"):
        galviewer.fit_image(files[0], psf=psf)
    with pytest.raises(SettingsError, match="redshift: is no fact about a file"):
        galviewer.fit_image(files[0], redshift=0.1)
    with pytest.raises(SettingsError, match="is a Galaxy and sigma was given"):
        galviewer.fit_image(galviewer.Galaxy.from_arrays(image, sigma), sigma)
    with pytest.raises(GalviewerError, match="has no parameter 'sersic_size'"):
        galviewer.fit_image(*files, starts={"sersic_size": 1.0})


def test_a_folder_in_one_call(sample_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    view = galviewer.fit_folder(
        sample_folder, "sersic", limit=2, max_iterations=40, zeropoint=21.0, blocks=True
    )
    assert view.path.name == f"{sample_folder.name}_sersic"
    assert view.state == "finished"
    assert list(view.catalogue()["name"]) == ["gv01", "gv02"]
    assert list(view.catalogue()["zeropoint"]) == [21.0, 21.0]
    assert view.fitted("gv02").summary().startswith("gv02: sersic, ")
    with pytest.raises(SettingsError, match="colour: is no setting"):
        galviewer.fit_folder(sample_folder, "sersic", tmp_path / "other", colour="red")


def test_companions_and_figure_of_a_run_from_the_command_line(sample_folder, tmp_path, capsys):
    from galviewer.cli import main

    run = str(tmp_path / "run")
    assert (
        main(
            ["fit", str(sample_folder), "--model", "sersic+sky", "--limit", "1", "--companions", "--out", run]
        )
        == 0
    )
    table = galviewer.open_run(run).catalogue()
    assert 2.2 < table["concentration"][0] < 3.2  # an exponential disk has 2.7
    assert abs(table["rff"][0]) < 0.02
    assert str(table["petrosian_radius"].unit) == "pix"
    assert main(["fit", str(sample_folder), "--model", "sersic+sky", "--limit", "1", "--out", run]) == 1
    assert "companions (was True, now False)" in capsys.readouterr().err
    files = [str(tmp_path / f"gv01.{kind}") for kind in ("pdf", "png")]
    assert main(["figure", run, "gv01", "--out", files[0], "--out", files[1], "--dpi", "70"]) == 0
    assert capsys.readouterr().out.splitlines() == files
    assert main(["figure", run, "gv99", "--out", files[0]]) == 1
    assert "has no galaxy 'gv99'" in capsys.readouterr().err


# ---- summaries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (17.3712, 0.0042, "17.3712 ± 0.0042"),
        (17.3712, 0.0996, "17.37 ± 0.10"),
        (153.2, 12.4, "153 ± 12"),
        (0.5, 0.95, "0.50 ± 0.95"),
        (3.0, 0.996, "3.0 ± 1.0"),
        (2.0, np.nan, "2"),
        (2.34567891, 0.0, "2.3457"),
        (np.nan, 0.1, "unknown"),
        (1e-5, 3.2e-7, "0.00001000 ± 0.00000032"),
    ],
)
def test_two_digits_of_the_error(value, error, words):
    assert summary.measured(value, error) == words


def test_the_summary_says_what_is_fixed_tied_and_flagged(files):
    from galviewer import model as models

    model = models.load("sersic+point").replace("sersic_n", start=1.0, fixed=True)
    fit = galviewer.fit_image(*files, model=model)
    text = fit.summary()
    assert "= sersic.x" in text
    assert "fixed" in text
    assert "arcsec" in text
    assert "boxiness" not in text
    assert repr(fit) == f"<GalaxyFit {text.splitlines()[0]}>"
    page = fit._repr_html_()
    assert page.count("<tr>") == 1 + len(summary.lines(fit))
    assert "<b>gv04" in page


def test_a_failed_fit_prints_too(arrays):
    image, sigma, psf = arrays
    mask = np.ones(image.shape, bool)
    mask[40:42, 40:42] = False
    text = galviewer.fit_image(image, sigma, psf, mask, name="é<b>").summary()
    assert "too_few_pixels" in text
    assert "é<b>" in text
    html = galviewer.fit_image(image, sigma, psf, mask, name="é<b>")._repr_html_()
    assert "é&lt;b&gt;" in html
