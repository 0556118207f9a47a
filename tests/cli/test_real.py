"""Real SDSS galaxies from the command line, against GALFIT (see pymorph_sdss/README.md of the data)."""

from __future__ import annotations

import csv

import pytest

from galviewer import run
from galviewer.cli import main


def test_pymorph_galaxies_as_galfit_fitted_them(shared_data, tmp_path):
    """Single Sersic and flat sky, their sigma, mask and optical PSF; starts measured from the pixels."""
    folder = shared_data / "pymorph_sdss"
    out = tmp_path / "run"
    command = ["fit", str(folder), "--model=sersic+sky", "--psf-kind=optical", "--zeropoint=25.256"]
    assert main([*command, "--pixel-scale=0.396", f"--out={out}"]) == 0
    rows = run.open(out).rows()
    with (folder / "oracle.csv").open() as file:
        oracle = {row["name"]: row for row in csv.DictReader(file) if row["component"] == "1"}
    assert len(rows) == 4
    for name, row in rows.items():
        galfit = oracle[name]
        assert row["chi2"] <= float(galfit["chi2"]) + 15
        assert row["sersic_mag"] == pytest.approx(float(galfit["mag_total"]), abs=0.03)
        assert row["sersic_r_eff"] == pytest.approx(float(galfit["re_maj_pix"]), rel=0.06)
        assert row["sersic_n"] == pytest.approx(float(galfit["n"]), rel=0.06)
        assert row["flags"] == 0
