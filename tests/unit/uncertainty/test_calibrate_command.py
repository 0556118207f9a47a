"""``galviewer fit --errors bootstrap`` and ``galviewer calibrate`` on three sample galaxies."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from galviewer import run
from galviewer.cli import main


@pytest.fixture(scope="module")
def run_directory(tmp_path_factory, sample_folder):
    out = tmp_path_factory.mktemp("run") / "run"
    command = ["fit", str(sample_folder), "--model", "sersic", "--limit", "3", "--errors", "bootstrap"]
    assert main([*command, "--out", str(out), "--threads", "1"]) == 0
    return out


def test_the_catalogue_says_where_errors_come_from(run_directory):
    view = run.open(run_directory)
    rows = view.rows("error_kind", "sersic_mag_err", "total_mag_err")
    assert [row["error_kind"] for row in rows.values()] == ["bootstrap"] * 3
    for name, row in rows.items():
        assert row["total_mag_err"] == pytest.approx(row["sersic_mag_err"], rel=1e-6)
        fit = view.fitted(name)
        assert fit is not None
        assert fit.error_kind == "bootstrap"


def test_a_run_is_calibrated(run_directory, tmp_path, capsys):
    out = tmp_path / "table.ecsv"
    assert main(["calibrate", str(run_directory), "--galaxies", "6", "--seed", "1", "--out", str(out)]) == 0
    assert "6 simulated galaxies, 0 failed, errors from covariance" in capsys.readouterr().out
    table = Table.read(out)
    assert len(table) == 7
    assert table.meta["simulated"] == 6
    assert (np.abs(table["pull_median"]) < 3).all()


def test_a_catalogue_needs_its_folder(run_directory, tmp_path, sample_folder, capsys):
    catalogue = tmp_path / "catalogue.ecsv"
    assert main(["export", str(run_directory), "--out", str(catalogue)]) == 0
    assert main(["calibrate", str(catalogue)]) == 1
    assert "--folder and --model" in capsys.readouterr().err
    command = ["calibrate", str(catalogue), "--folder", str(sample_folder), "--model", "sersic"]
    assert main([*command, "--galaxies", "4"]) == 0
