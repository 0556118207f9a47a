"""The sample galaxies are what their script draws, and every broken input is dealt with as announced."""

from __future__ import annotations

import csv
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from galviewer import model, sample, survey

EXPECTED_COUNT = 24


@pytest.fixture(scope="module")
def script(sample_folder: Path) -> ModuleType:
    """Return the generator script as a module."""
    pytest.importorskip("galsim")
    spec = importlib.util.spec_from_file_location("make_sample_data", sample_folder / "make_sample_data.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def truth(sample_folder: Path) -> list[dict[str, str]]:
    """Return the rows of the truth table."""
    with (sample_folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def expected_cases() -> list[dict[str, str]]:
    path = Path(__file__).resolve().parents[2] / "sample_data" / "bad" / "expected.csv"
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_the_folder_is_found(sample_folder: Path) -> None:
    """`sample.folder` gives the checkout's or the package's copy, with its broken inputs."""
    assert sample.folder().is_absolute()
    assert (sample.folder() / "bad" / "expected.csv").is_file()


@pytest.mark.parametrize("number", [12, 23])
def test_two_galaxies_drawn_again_are_the_committed_ones(
    number: int, script: ModuleType, sample_folder: Path, tmp_path: Path, truth: list[dict[str, str]]
) -> None:
    """Pixels agree to float32 rounding; gv12 holds neighbours and labels, gv23 a point source."""
    from astropy.io import fits

    recipe = script.RECIPES[number - 1]
    row = script.write_galaxy(recipe, number, tmp_path)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert made == sorted(path.name for path in sample_folder.glob(f"{recipe.name}_*"))
    for name in made:
        new, old = fits.getdata(tmp_path / name), fits.getdata(sample_folder / name)
        np.testing.assert_allclose(new, old, rtol=2e-6, atol=2e-6 * np.abs(old).max(), err_msg=name)
    for key, value in row.items():
        assert str(value) == truth[number - 1][key]


def test_the_mix_is_as_described(truth: list[dict[str, str]]) -> None:
    """The ranges that the README of the samples promises."""
    assert len(truth) == EXPECTED_COUNT
    singles = [row for row in truth if row["sersic_n"]]
    column = {key: [float(row[f"sersic_{key}"]) for row in singles] for key in ("n", "r_eff", "q")}
    assert (min(column["n"]), max(column["n"])) == (0.6, 6.0)
    assert (min(column["r_eff"]), max(column["r_eff"])) == (2.0, 25.0)
    assert (min(column["q"]), max(column["q"])) == (0.2, 1.0)
    snr = [float(row["snr"]) for row in truth]
    assert (min(snr), max(snr)) == (10, 500)
    assert sum(row["model"] == "bulge+disk" for row in truth) == 4
    assert len({(row["height"], row["width"]) for row in truth}) >= 6
    assert {row["model"] for row in truth} <= set(model.TEMPLATES)


def test_every_sample_is_read_without_a_remark(sample_folder: Path, truth: list[dict[str, str]]) -> None:
    """24 galaxies with sigma, PSF, zeropoint, scale and WCS; noise is the given sigma."""
    found = list(survey.check(sample_folder))
    assert [entry.name for entry, _, _ in found] == [row["name"] for row in truth]
    for (entry, galaxy, problems), row in zip(found, truth, strict=True):
        assert problems == [], entry.name
        assert galaxy is not None
        assert galaxy.image.shape == (int(row["height"]), int(row["width"]))
        assert galaxy.psf is not None
        assert galaxy.sigma_origin == "file"
        assert galaxy.zeropoint == 22.5
        assert galaxy.pixel_scale == pytest.approx(0.396, rel=1e-6)
        assert galaxy.wcs is not None
        assert galaxy.mask.any() == (row["neighbours"] != "0")


def test_the_samples_stay_small(sample_folder: Path) -> None:
    """Under 6 MB in all."""
    assert sum(path.stat().st_size for path in sample_folder.rglob("*") if path.is_file()) < 6e6


@pytest.fixture(scope="module")
def outcomes(sample_folder: Path) -> dict[str, tuple[str, str]]:
    """Return outcome and message of every broken input, without the galaxies' own names."""
    result = {}
    for entry, galaxy, problems in survey.check(sample_folder / "bad"):
        repaired = any(problem.severity == "repaired" for problem in problems)
        outcome = "skipped" if galaxy is None else "repaired" if repaired else "fine"
        result[entry.name] = (outcome, " ".join(str(problem).replace(entry.name, "") for problem in problems))
    return result


def test_no_broken_input_is_lost(outcomes: dict[str, tuple[str, str]]) -> None:
    """Every galaxy of the folder is reported, and nothing else."""
    assert set(outcomes) == {case["name"] for case in expected_cases()}


@pytest.mark.parametrize("case", expected_cases(), ids=lambda case: case["name"])
def test_a_broken_input_is_dealt_with(case: dict[str, str], outcomes: dict[str, tuple[str, str]]) -> None:
    """Skipped, repaired or fine as announced, with a message that says what is wrong."""
    outcome, message = outcomes[case["name"]]
    assert outcome == case["outcome"], message
    assert case["message"] in message
