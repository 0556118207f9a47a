"""Where galaxies come from: memory, folders, runs; and that names lead nowhere else."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from galviewer import flags
from galviewer.errors import InputError
from galviewer.explorer.source import Row, natural_order, open_source
from galviewer.survey import Galaxy


@pytest.fixture
def few_files(sample_folder, tmp_path):
    """Copy two sample galaxies."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name in ("gv01", "gv02"):
        for file in sample_folder.glob(f"{name}_*"):
            shutil.copy(file, folder)
    return folder


def test_folder(few_files):
    source = open_source(few_files)
    assert (source.kind, source.names, source.label) == ("folder", ("gv01", "gv02"), "few")
    assert source.galaxy("gv02").name == "gv02"
    assert source.fitted("gv02") is None
    assert [row.status for row in source.rows().values()] == ["new", "new"]
    for file in few_files.glob("gv02*"):
        file.unlink()
    assert source.reopen().names == ("gv01",)


@pytest.mark.parametrize("name", ["../few/gv01", "/etc/passwd", "gv01/../gv02", "", "<script>"])
def test_unknown_names_are_refused(few_files, name):
    with pytest.raises(InputError):
        open_source(few_files).galaxy(name)


def test_what_is_no_folder(tmp_path):
    with pytest.raises(InputError, match="not a folder"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(InputError, match="a folder, a run, galaxies"):
        open_source([1, 2])


def test_arrays_and_galaxies(rng):
    image = rng.normal(size=(20, 30))
    assert open_source(image).galaxy("galaxy").image.shape == (20, 30)
    sigma = np.full(image.shape, 2.0)
    source = open_source({"image": image, "sigma": sigma, "name": "a"})
    assert source.names == ("a",)
    assert source.galaxy("a").sigma[0, 0] == 2.0
    pair = [Galaxy.from_arrays(image, sigma, name=n) for n in ("b", "c")]
    assert open_source(pair).names == ("b", "c")
    assert open_source(pair[0]).label == "b"
    assert open_source(source) is source


def test_names_are_sorted_as_people_count():
    assert natural_order(["g10", "g2", "G1"]) == ["G1", "g2", "g10"]


@pytest.mark.parametrize(
    ("row", "status"),
    [
        (Row("a"), "new"),
        (Row("a", 1.0), "good"),
        (Row("a", 1.0, int(flags.Flag.AT_BOUND)), "flagged"),
        (Row("a", None, int(flags.Flag.FAILED)), "failed"),
    ],
)
def test_status_words(row, status):
    assert row.status == status


def test_run(few_files, tmp_path):
    from galviewer.model import template
    from galviewer.run import RunSettings, execute

    out = tmp_path / "run"
    execute(RunSettings(str(few_files), str(out), template("sersic+sky"), limit=1, threads=1, device="cpu"))
    source = open_source(out)
    assert (source.kind, source.names, source.run) == ("run", ("gv01", "gv02"), out)
    assert source.model.columns == template("sersic+sky").columns
    fit = source.fitted("gv01")
    assert np.allclose(source.parameters("gv01"), fit.parameters)
    assert source.fitted("gv02") is None
    assert source.galaxy("gv02").name == "gv02"  # from the folder
    rows = source.rows()
    assert rows["gv01"].chi2_nu == pytest.approx(fit.chi2_nu)
    assert rows["gv02"].status == "new"
    shutil.rmtree(few_files)
    alone = open_source(out)
    assert alone.folder is None
    assert np.allclose(alone.galaxy("gv01").image, fit.galaxy.image)
    with pytest.raises(InputError):
        alone.galaxy("gv02")
