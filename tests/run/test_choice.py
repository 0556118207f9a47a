"""Runs in which the model is chosen for each galaxy and neighbours are fitted along."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from galviewer import cli, model, run
from galviewer.errors import ModelError, RunError, SettingsError
from galviewer.products import catalogue
from galviewer.run import batches, ladder
from galviewer.run.neighbours import look_around
from galviewer.run.sanity import objections
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy

sys.path.insert(0, str(Path(__file__).parents[1] / "recovery"))
import mixtures

KINDS = ("sersic", "bulge+disk", "sersic", "sersic+point") * 3


@pytest.fixture(scope="session")
def mixed(tmp_path_factory):
    """Twelve galaxies of three kinds, one file for each plane."""
    folder = tmp_path_factory.mktemp("mixed") / "galaxies"
    folder.mkdir()
    for k, kind in enumerate(KINDS):
        galaxy, _, _ = mixtures.simulate(kind, 40 + k)
        cut = slice(16, 80)
        planes = {"image": galaxy.image[cut, cut], "sigma": galaxy.sigma[cut, cut], "psf": galaxy.psf}
        for role, plane in planes.items():
            header = fits.Header({"MAGZP": 25.0, "PIXSCALE": 0.4})
            fits.PrimaryHDU(plane.astype(np.float32), header).writeto(folder / f"g{k:02d}_{role}.fits")
    return folder


@pytest.fixture(scope="module")
def undisturbed(mixed, tmp_path_factory):
    out = tmp_path_factory.mktemp("auto") / "run"
    assert cli.main(["fit", str(mixed), "--model=auto", f"--out={out}", "--threads=1"]) == 0
    return out


@pytest.mark.slow
def test_one_catalogue_with_the_columns_of_all_models(undisturbed, tmp_path):
    view = run.open(undisturbed)
    rows = view.rows()
    assert list(rows["g00"]) == [info.name for info in view.settings.columns()]
    names = {row["model"] for row in rows.values()}
    assert names >= {"sersic", "bulge+disk", "sersic+point"}
    for row in rows.values():
        own = view.model_of(row["model"])
        assert own.name == row["model"]
        assert all(np.isfinite(row[column]) for column in own.columns)
        others = {c for m in view.settings.models for c in m.columns} - set(own.columns)
        assert all(np.isnan(row[column]) for column in others)
        assert row["model"] in row["model_reason"]
    assert cli.main(["export", str(undisturbed), "--out", str(tmp_path / "all.fits")]) == 0
    assert set(fits.getdata(tmp_path / "all.fits")["model"]) == names
    for name in view.names[:4]:
        assert view.fitted(name).model.name == rows[name]["model"]  # the block has the chosen model


@pytest.mark.slow
def test_killed_and_resumed_the_choice_is_the_same(
    mixed, undisturbed, start_child, wait_for, same_catalogue, tmp_path
):
    out = tmp_path / "run"
    child = start_child(mixed, "--model=auto", f"--out={out}")
    event = wait_for(child, "part")
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert event["done"] < event["total"]
    child = start_child(f"--out={out}", "--resume")
    assert wait_for(child, "start")["resumed"]
    wait_for(child, "end")
    assert child.wait() == 0
    same_catalogue(out, undisturbed)
    with pytest.raises(RunError, match="ladder"):
        run.execute(replace(run.stored_settings(str(out)), ladder=""))


@pytest.mark.slow
def test_the_explorer_shows_each_galaxy_with_its_own_model(mixed, undisturbed, tmp_path):
    from galviewer.explorer.run_source import RunSource

    bare = run.execute(
        replace(run.stored_settings(str(undisturbed)), out=str(tmp_path / "bare"), blocks=False)
    )
    source, rows = RunSource(Path(bare.out)), run.open(bare.out).rows()
    for name in rows:
        assert source.model_of(name).name == rows[name]["model"]
        assert source.parameters(name).shape == (len(source.model_of(name).columns),)


def test_the_ladder_is_checked():
    with pytest.raises(ModelError, match="auto"):
        ladder.rungs("best")
    with pytest.raises(SettingsError, match="lowest rung"):
        run.RunSettings("a", "b", model.load("bulge+disk"), ladder="auto")
    with pytest.raises(SettingsError, match="neighbours"):
        run.RunSettings("a", "b", model.load("sersic"), neighbours="some")
    assert [m.name for m in ladder.rungs("auto+sky")] == [
        "sersic+sky", "sersic+point+sky", "bulge+disk+sky", "bulge+bar+disk+sky",
    ]  # fmt: skip
    assert len(ladder.rungs("auto")) == 8


def fitted(values, template="bulge+bar+disk"):
    """A fit with these values and no more."""
    galaxy = Galaxy.from_arrays(
        np.random.default_rng(1).normal(size=(60, 60)), np.ones((60, 60)), mixtures.psf(3)
    )
    fit = batches.failed(galaxy, model.template(template), "", 0.0)
    known = {"x": 30.0, "y": 30.0, "pa": 10.0, "q": 0.6, "boxiness": 0.0, "n": 1.5}
    known |= {"bulge_mag": 16.0, "bar_mag": 16.5, "disk_mag": 15.0, "bulge_q": 0.9, "bar_q": 0.3}
    known |= {"bulge_r_eff": 2.0, "bar_r_eff": 5.0, "disk_r_eff": 10.0} | values
    found = [known.get(c, known.get(c.partition("_")[2])) for c in fit.model.columns]
    return replace(fit, parameters=np.array(found, dtype=float), flags=0)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ""),
        ({"bulge_x": 70.0}, "outside of the image"),
        ({"bulge_mag": 23.0}, "% of the light"),
        ({"bulge_r_eff": 0.1}, "is a point"),
        ({"disk_r_eff": 200.0}, "larger than the image"),
        ({"bulge_n": 8.0}, "bulge_n is at its bound 8"),
        ({"bulge_r_eff": 6.0}, "the bulge is larger than the bar"),
        ({"bar_r_eff": 9.5}, "of one size"),
        ({"bar_q": 0.85}, "the bar is round"),
        ({"bulge_q": 0.2}, "longer than the bar"),
    ],
)
def test_what_makes_no_sense_is_said(values, words):
    said = "; ".join(objections(fitted(values)))
    assert words in said if words else said == ""


def test_a_choice_that_fails_leaves_the_lowest_rung(monkeypatch):
    galaxies = [mixtures.simulate("sersic", 40 + k)[0] for k in range(3)]
    from galviewer.run import structure

    gains = structure.gains

    def breaking(fit):
        if fit.name.endswith("41"):
            raise ZeroDivisionError("planted")
        return gains(fit)

    monkeypatch.setattr(structure, "gains", breaking)
    fits = fit_galaxies(galaxies, "auto")
    assert "planted" in fits[1].choice.reason
    assert [fit.model.name for fit in fits] == ["sersic"] * 3
    assert all(fit.usable for fit in fits)


def two(distance, flux=0.4, seg=False):
    """A galaxy and a smaller one beside it."""
    y, x = np.mgrid[:90, :90]
    rng = np.random.default_rng(2)

    def blob(x0, size):
        return np.exp(-0.5 * ((x - x0) ** 2 + (y - 44.5) ** 2) / size**2)

    image = 60 * blob(44.5, 5.0) + 60 * flux * blob(44.5 + distance, 3.0) + rng.normal(size=(90, 90))
    labels = None
    if seg:
        labels = np.where(blob(44.5, 5.0) > blob(44.5 + distance, 3.0), 1, 2)
        labels[image < 2.0] = 0
    return Galaxy.from_arrays(image, np.ones((90, 90)), mixtures.psf(2.5), zeropoint=25.0, seg=labels)


@pytest.mark.parametrize("seg", [False, True])
def test_near_neighbours_are_fitted_and_far_ones_masked(seg):
    near, far = look_around(two(15.0, seg=seg), "auto"), look_around(two(33.0, seg=seg), "auto")
    assert [c.name for c in near.components] == ["neighbour1"]
    assert not near.galaxy.mask[42:47, 58:62].any()
    assert far.components == ()
    assert far.galaxy.mask[44, 77]
    assert len(look_around(two(33.0, seg=seg), "fit").components) == 1
    assert look_around(two(15.0, seg=seg), "mask").galaxy.mask[44, 60]
    alone = two(33.0, flux=0.0)
    assert look_around(alone, "auto").galaxy is alone


def test_totals_are_the_galaxys(tmp_path):
    galaxy = two(15.0)
    fit = fit_galaxies([galaxy], "sersic", neighbours="auto")[0]
    row = catalogue.row(fit)
    assert row["total_mag"] == pytest.approx(row["sersic_mag"])
    assert row["sersic_fraction"] == pytest.approx(1.0)
    assert row["n_neighbours"] == 1
    assert fit.value("neighbour1_x") == pytest.approx(59.5, abs=0.2)
    assert 25.0 - 2.5 * np.log10(60 * 2 * np.pi * 25) == pytest.approx(row["total_mag"], abs=0.02)
    both = catalogue.row(replace(fit, galaxy=replace(fit.galaxy)), infos=catalogue.columns(fit.model))
    assert both["neighbour1_flux"] == pytest.approx(0.4 * 60 * 2 * np.pi * 9, rel=0.03)


def test_a_run_keeps_a_table_of_neighbours(tmp_path):
    folder = tmp_path / "galaxies"
    folder.mkdir()
    for name, distance in (("far", 33.0), ("near", 15.0)):
        galaxy = two(distance)
        for role, plane in (("image", galaxy.image), ("sigma", galaxy.sigma), ("psf", galaxy.psf)):
            fits.PrimaryHDU(plane, fits.Header({"MAGZP": 25.0})).writeto(folder / f"{name}_{role}.fits")
    out = str(tmp_path / "run")
    assert cli.main(["fit", str(folder), "--model=sersic", "--neighbours=auto", f"--out={out}"]) == 0
    view = run.open(out)
    table = view.neighbours()
    assert list(table["name"]) == ["near"]
    assert table["x"][0] == pytest.approx(59.5, abs=0.2)
    assert table["distance"][0] == pytest.approx(15.0, abs=0.2)
    assert {name: row["n_neighbours"] for name, row in view.rows().items()} == {"far": 0, "near": 1}
    block = view.fitted("near")
    assert [c.name for c in block.model.components] == ["sersic", "neighbour1"]
    assert cli.main(["export", out, "--neighbours", "--out", str(tmp_path / "n.ecsv")]) == 0
    with pytest.raises(RunError, match="neighbours"):
        run.execute(replace(run.stored_settings(out), neighbours="off"))
    assert run.resume(out).fitted == 0
