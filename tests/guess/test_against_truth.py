"""The simulated sets of ../shared/data: start values against the truth, and against sep's own."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from galviewer import model, survey
from galviewer.guess import measure, starts
from galviewer.survey import SurveySettings


def read(path: Path) -> dict[str, np.ndarray]:
    with path.open() as stream:
        rows = list(csv.DictReader(stream))
    return {key: np.array([float(row[key]) for row in rows]) for key in rows[0] if key != "id"}


def galaxies(folder: Path):
    settings = SurveySettings(zeropoint=22.5)
    return [survey.read(entry, settings) for entry in survey.scan(folder, settings).entries]


def differences(found, truth):
    return {
        "x": found["x"] - truth["x"],
        "y": found["y"] - truth["y"],
        "mag": found["mag"] - truth["mag"],
        "r_eff": np.log10(found["re"] / truth["re"]),
        "n": np.log(found["n"] / truth["n"]),
        "q": found["q"] - truth["q"],
        "pa": ((found["pa"] - truth["pa"] + 90) % 180 - 90)[truth["q"] < 0.8],
    }


def scatter(values):
    low, high = np.percentile(values, (16, 84))
    return 0.5 * (high - low)


def test_single_sersic(shared_data):
    folder = shared_data / "galsim_single"
    truth = read(folder / "truth.csv")
    measured = [measure(galaxy, sky=0.0) for galaxy in galaxies(folder)]
    assert all(one.ok for one in measured)
    found = {
        "x": np.array([one.x for one in measured]),
        "y": np.array([one.y for one in measured]),
        "mag": 22.5 - 2.5 * np.log10([one.flux for one in measured]),
        "re": np.array([one.r_eff for one in measured]),
        "n": np.array([one.n for one in measured]),
        "q": np.array([one.q for one in measured]),
        "pa": np.array([one.pa for one in measured]),
    }
    ours = differences(found, truth)
    theirs = differences(read(folder / "init.csv"), truth)
    for key in ours:
        assert scatter(ours[key]) < scatter(theirs[key]), key
    # no outliers: measured 0.2 px, 0.11 mag, 0.08 dex, 0.25, 0.05, 5.6 degrees
    limits = {"x": 0.5, "y": 0.5, "mag": 0.2, "r_eff": 0.15, "n": 0.45, "q": 0.1, "pa": 10.0}
    for key, limit in limits.items():
        assert np.abs(ours[key]).max() < limit, key
    assert scatter(ours["r_eff"]) < 0.02
    assert scatter(ours["n"]) < 0.08


def test_bulge_and_disk(shared_data):
    folder = shared_data / "galsim_bulge_disk"
    truth = read(folder / "truth.csv")
    description = model.template("bulge+disk")
    values = np.array([starts(galaxy, description)[0] for galaxy in galaxies(folder)])
    found = dict(zip(description.columns, values.T, strict=True))
    bulge, disk = 10 ** (-0.4 * found["bulge_mag"]), 10 ** (-0.4 * found["disk_mag"])
    assert np.abs(bulge / (bulge + disk) - truth["bt"]).max() < 0.2
    assert np.abs(np.log10(found["disk_r_eff"] / truth["re_d"])).max() < 0.2
    assert np.abs(np.log10(found["bulge_r_eff"] / truth["re_b"])).max() < 0.3
