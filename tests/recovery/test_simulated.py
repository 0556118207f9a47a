"""Simulated galaxies with known truth, fitted from start values measured on their pixels."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from galviewer import survey
from galviewer.run.single import fit_galaxies

COLUMNS = ("x", "y", "mag", "re", "n", "q", "pa")


@pytest.fixture(scope="module")
def singles(shared_data):
    """The 128 single-Sérsic galaxies: fits, and pulls against the truth, (128, 7)."""
    folder = shared_data / "galsim_single"
    settings = survey.SurveySettings(zeropoint=22.5)
    galaxies = [survey.read(entry, settings) for entry in survey.scan(folder, settings).entries]
    fits = fit_galaxies(galaxies, "sersic", images=False)
    truth = Table.read(folder / "truth.csv")
    assert [f.name for f in fits] == list(truth["id"])
    expected = np.stack([np.asarray(truth[c], dtype=float) for c in COLUMNS], axis=1)
    offset = np.array([f.parameters[:7] for f in fits]) - expected
    offset[:, 6] = (offset[:, 6] + 90.0) % 180.0 - 90.0
    return fits, expected, offset, offset / np.array([f.errors[:7] for f in fits])


def test_none_fails_and_none_is_an_outlier(singles):
    fits, expected, offset, _ = singles
    assert [f.flags for f in fits] == [0] * 128
    assert (np.abs(np.log10(1 + offset[:, 3] / expected[:, 3])) < 0.2).all()
    assert (np.abs(offset[:, 4] / expected[:, 4]) < 0.3).all()


def test_reduced_chi_square_is_one(singles):
    assert np.median([f.chi2_nu for f in singles[0]]) == pytest.approx(1.0, abs=0.005)


def test_errors_are_the_scatter(singles):
    pulls = singles[3]
    # 128 galaxies: a median scatters by 0.11, a 68 % half-width by 0.08 (both one standard deviation).
    assert (np.abs(np.median(pulls, axis=0)) < 0.25).all()
    width = 0.5 * (np.percentile(pulls, 84, axis=0) - np.percentile(pulls, 16, axis=0))
    assert ((width > 0.85) & (width < 1.15)).all()
    assert 0.64 < (np.abs(pulls) < 1.0).mean() < 0.72


def test_few_iterations_from_measured_starts(singles):
    assert np.mean([f.iterations for f in singles[0]]) < 4.0


def test_bulge_and_disk(shared_data):
    folder = shared_data / "galsim_bulge_disk"
    settings = survey.SurveySettings(zeropoint=22.5)
    galaxies = [survey.read(entry, settings) for entry in survey.scan(folder, settings).entries]
    fits = fit_galaxies(galaxies, "bulge+disk", images=False)
    truth = Table.read(folder / "truth.csv")
    assert [f.flags for f in fits] == [0] * 32
    bulge, disk = (np.array([10 ** (-0.4 * f.value(f"{c}_mag")) for f in fits]) for c in ("bulge", "disk"))
    difference = bulge / (bulge + disk) - truth["bt"]
    assert abs(np.median(difference)) < 0.01
    assert np.abs(difference).max() < 0.15
    pulls = [
        (f.value("disk_r_eff") - t["re_d"]) / f.error("disk_r_eff") for f, t in zip(fits, truth, strict=True)
    ]
    assert 0.7 < np.std(pulls) < 1.3
