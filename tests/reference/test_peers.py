"""Real galaxies against the answers that GALFIT and imfit gave for them (origins in each folder's README)."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from galviewer import model, survey
from galviewer.fit import FitSettings
from galviewer.run.single import fit_galaxies


def _galaxies(folder, names, **settings):
    chosen = survey.SurveySettings(**settings)
    entries = {entry.name: entry for entry in survey.scan(folder, chosen).entries}
    return [survey.read(entries[name], chosen) for name in names]


@pytest.fixture(scope="module")
def pymorph(shared_data):
    """GALFIT's answers, galaxies, and our fits from measured starts."""
    folder = shared_data / "pymorph_sdss"
    oracle = Table.read(folder / "oracle.csv")
    galaxies = _galaxies(folder, oracle["name"], zeropoint=25.256)
    return oracle, fit_galaxies(galaxies, "sersic+sky", FitSettings(psf_kind="optical"))


@pytest.mark.slow
def test_galfit_single_sersic_with_sky(pymorph):
    oracle, fits_ = pymorph
    for row, fitted in zip(oracle, fits_, strict=True):
        assert fitted.flags == 0
        assert fitted.chi2 <= float(row["chi2"]) + 15
        assert fitted.value("sersic_mag") == pytest.approx(row["mag_total"], abs=0.03)
        assert fitted.value("sersic_r_eff") == pytest.approx(row["re_maj_pix"], rel=0.06)
        assert fitted.value("sersic_n") == pytest.approx(row["n"], rel=0.06)
        assert fitted.value("sersic_q") == pytest.approx(row["q"], abs=0.01)
        assert fitted.value("sersic_x") + 1 == pytest.approx(row["x_pix_1based"], abs=0.05)
        assert fitted.value("sersic_y") + 1 == pytest.approx(row["y_pix_1based"], abs=0.05)


def test_imfit_single_sersic(shared_data):
    folder = shared_data / "imfit_sdss3"
    oracle = Table.read(folder / "oracle.csv")
    row = oracle[oracle["fit_id"] == "sersic-mask-psf"][0]
    (fitted,) = fit_galaxies(_galaxies(folder, ["IC3478_r"]), "sersic", FitSettings(psf_kind="optical"))
    assert fitted.value("sersic_r_eff") == pytest.approx(row["re_maj_pix"], rel=0.02)
    assert fitted.value("sersic_n") == pytest.approx(row["n"], rel=0.02)
    assert fitted.value("sersic_q") == pytest.approx(row["q"], rel=0.02)
    assert fitted.value("sersic_pa") == pytest.approx(row["pa_deg_ccw_from_y"], rel=0.02)
    assert 10 ** (-0.4 * fitted.value("sersic_mag")) == pytest.approx(row["flux_counts"], rel=0.02)
    assert fitted.chi2_nu == pytest.approx(1.074154, rel=1e-3)


@pytest.mark.parametrize("name", ["VCC1512_r", "NGC3073_r"])
def test_imfit_sersic_and_exponential(shared_data, name):
    folder = shared_data / "imfit_sdss3"
    oracle = Table.read(folder / "oracle.csv")
    bulge, disk = oracle[oracle["name"] == name]
    (fitted,) = fit_galaxies(_galaxies(folder, [name]), "bulge+disk", FitSettings(psf_kind="optical"))
    # imfit convolves on the pixel grid, which aliases the cusp: its chi2 differs by about 20 in 37 000.
    assert fitted.chi2 <= float(bulge["chi2"]) + 25
    for ours, row in (("bulge", bulge), ("disk", disk)):
        assert fitted.value(f"{ours}_r_eff") == pytest.approx(row["re_maj_pix"], rel=0.02)
        assert fitted.value(f"{ours}_q") == pytest.approx(row["q"], rel=0.02)
        assert 10 ** (-0.4 * fitted.value(f"{ours}_mag")) == pytest.approx(row["flux_counts"], rel=0.02)
    assert fitted.value("bulge_n") == pytest.approx(bulge["n"], rel=0.02)


def test_galfits_own_render(shared_data):
    """GALFIT's noiseless n = 1 image without PSF, at its exact inputs."""
    import torch

    from galviewer.render import Renderer

    image = fits.getdata(shared_data / "galfit_renders" / "GALFIT_sersic_n1_model.fits").astype(np.float64)
    values = torch.tensor([[255.0, 255.0, 20.0, 30.0, 1.0, 1.0, 0.0, 0.0]], dtype=torch.float64)
    renderer = Renderer(model.template("sersic"), image.shape, zeropoint=torch.tensor([26.563]))
    found = renderer.image(values)[0].numpy()
    middle = (slice(206, 305), slice(206, 305))
    np.testing.assert_allclose(found[middle], image[middle], rtol=2e-3)
