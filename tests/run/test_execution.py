"""A run from folder to catalogue, with the real engine."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest
from astropy.io import fits

from galviewer import flags, model, run
from galviewer.errors import ModelError, RunError, SettingsError
from galviewer.products import blocks, catalogue
from galviewer.run import reading, work


def test_a_folder_becomes_a_run_directory(settings, tmp_path):
    events = []
    result = run.execute(settings(), events.append)
    assert (result.total, result.done, result.failed, result.skipped, result.cancelled) == (8, 8, 0, 0, False)
    out = tmp_path / "run"
    assert {p.name for p in out.iterdir()} == {
        "run.toml", "model.toml", "inputs.csv", "catalogue", "blocks", "events.jsonl", ".lock",
    }  # fmt: skip
    assert [event["event"] for event in events if event["event"] not in ("galaxy", "part")] == [
        "start",
        "end",
    ]
    assert {event["name"] for event in events if event["event"] == "galaxy"} == {
        f"g{k:03d}" for k in range(8)
    }
    on_disk = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in on_disk] == [e["event"] for e in events]
    document = tomllib.loads((out / "run.toml").read_text())
    assert document["fit"]["psf_kind"] == "effective"
    assert document["versions"]["galviewer"]
    assert document["inputs"]["galaxies"] == 8


def test_the_catalogue_is_right_and_described(settings):
    view = run.open(run.execute(settings()).out)
    table = view.catalogue()
    assert list(table["name"]) == list(view.names) == [f"g{k:03d}" for k in range(8)]
    np.testing.assert_allclose(table["sersic_n"], 0.5, rtol=0.1)
    np.testing.assert_allclose(table["sersic_q"], 0.6, rtol=0.1)
    np.testing.assert_allclose(table["chi2_nu"], 1.0, atol=0.15)
    assert (table["sersic_mag_err"] > 0).all()
    assert np.isfinite(table["sersic_mu_eff"]).all()
    assert str(table["sersic_mu_eff"].unit) == "mag / arcsec2"
    assert set(table["psf_kind"]) == {"effective"}
    assert table.colnames == [info.name for info in catalogue.columns(view.model)]


def test_blocks_tell_the_same_as_the_catalogue(settings):
    view = run.open(run.execute(settings()).out)
    rows = view.rows()
    for name in view.names:
        fit = view.fitted(name)
        assert fit.name == name
        assert fit.value("sersic_mag") == rows[name]["sersic_mag"]
        assert fits.getheader(view.block(name))["SETTINGS"] == view.settings_hash
        chi2 = float((((fit.galaxy.image - fit.model_image) / fit.galaxy.sigma)[~fit.galaxy.mask] ** 2).sum())
        assert chi2 == pytest.approx(fit.chi2, rel=1e-4)


def test_a_finished_run_is_left_alone(settings):
    first = run.execute(settings())
    events = []
    again = run.execute(settings(), events.append)
    assert (again.done, again.fitted, again.cancelled) == (8, 0, False)
    assert [event["event"] for event in events] == ["start", "end"]
    assert run.open(first.out).state == "finished"


def test_without_blocks(settings, tmp_path):
    view = run.open(run.execute(settings(blocks=False)).out)
    assert not list((tmp_path / "run" / "blocks").iterdir())
    assert view.block("g000") is None
    assert view.fitted("g000") is None
    with pytest.raises(RunError, match="has no galaxy"):
        view.block("../../etc/passwd")


def test_limit_takes_the_first_galaxies(settings):
    assert run.open(run.execute(settings(limit=3)).out).names == ("g000", "g001", "g002")


def test_bad_galaxies_are_rows_with_reasons(settings, galaxies, add_galaxy):
    data = (galaxies / "g002_image.fits").read_bytes()
    (galaxies / "g002_image.fits").write_bytes(data[: len(data) // 2])
    fits.PrimaryHDU(np.ones((9, 9))).writeto(galaxies / "g004_sigma.fits", overwrite=True)
    add_galaxy(galaxies, "wide é 1", 77, side=52, height=36)
    events = []
    result = run.execute(settings(), events.append)
    assert (result.total, result.done, result.skipped) == (9, 9, 2)
    rows = run.open(result.out).rows()
    for name in ("g002", "g004"):
        assert rows[name]["flags"] == flags.Flag.SKIPPED
        assert np.isnan(rows[name]["sersic_mag"])
        assert run.open(result.out).block(name) is None
    assert "truncated" in rows["g002"]["message"]
    assert "9 x 9" in rows["g004"]["message"]
    assert (rows["wide é 1"]["image_width"], rows["wide é 1"]["image_height"]) == (52, 36)
    assert rows["wide é 1"]["chi2_nu"] < 1.2
    assert {event["name"] for event in events if event["event"] == "skip"} == {"g002", "g004"}


def test_every_broken_sample_is_survived(sample_folder, tmp_path):
    """The folder of broken input: some are skipped, some repaired, all have a row, nothing stops."""
    result = run.execute(
        run.RunSettings(
            folder=str(sample_folder / "bad"), out=str(tmp_path / "run"), model=model.load("sersic")
        )
    )
    rows = run.open(result.out).rows()
    assert result.done == result.total == len(rows)
    assert rows["truncated"]["flag_names"] == "skipped"
    assert rows["healthy"]["flags"] == 0
    for row in rows.values():
        assert row["message"] or not row["flags"] & flags.Flag.SKIPPED
    skipped = {name for name, row in rows.items() if row["flags"] & flags.Flag.SKIPPED}
    assert {"all_masked", "not_fits", "wrong_hdu", "shape_mismatch_sigma"} <= skipped
    assert "nan_pixels" not in skipped


def test_an_engine_that_stumbles_costs_one_galaxy(settings, monkeypatch):
    from galviewer.run import batches

    engine = batches._fit_together

    def stumbling(galaxies, *rest, **more):
        if any(galaxy.name == "g003" for galaxy in galaxies):
            raise MemoryError("planted")
        return engine(galaxies, *rest, **more)

    monkeypatch.setattr(batches, "_fit_together", stumbling)
    result = run.execute(settings())
    rows = run.open(result.out).rows()
    assert (result.done, result.failed) == (8, 1)
    assert rows["g003"]["flag_names"].split(",")[0] == "failed"
    assert "planted" in rows["g003"]["message"]
    assert rows["g002"]["chi2_nu"] < 1.2


def test_a_reader_that_breaks_costs_one_galaxy(settings, monkeypatch):
    from galviewer import survey

    read = survey.read

    def breaking(entry, settings):
        if entry.name == "g001":
            raise AttributeError("planted")
        return read(entry, settings)

    monkeypatch.setattr(survey, "read", breaking)
    rows = run.open(run.execute(settings()).out).rows()
    assert rows["g001"]["flag_names"] == "skipped"
    assert "planted" in rows["g001"]["message"]


def test_reading_in_processes_gives_the_same(settings, same_catalogue, monkeypatch):
    threads = run.execute(settings("threads")).out
    monkeypatch.setattr(work, "_reading_processes", lambda device, galaxies: 1)
    same_catalogue(run.execute(settings("processes")).out, threads)


def test_readers_that_are_killed_are_replaced(settings, galaxies):
    import os
    import signal

    from galviewer import survey

    entries = survey.scan(galaxies).entries
    reader = reading.Reader(survey.SurveySettings(), model.load("sersic"), processes=1, ahead=1)
    parts = [(k, [entry]) for k, entry in enumerate(entries)]
    seen = []
    try:
        for number, prepared in reader.parts(parts):
            seen.append((number, prepared[0].galaxy.name))
            if number == 0:
                for process in list(reader._pool._processes):
                    os.kill(process, signal.SIGKILL)
    finally:
        reader.close()
    assert seen == [(k, entry.name) for k, entry in enumerate(entries)]


def test_profiles_of_the_user(settings, galaxies, tmp_path):
    """A profile without closed forms, from a file: columns, half-light radius, resumption and view."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from galviewer.profiles import R_EFF, Profile, register\n"
        "def brightness(r, r_eff):\n"
        "    return (-(r / r_eff) ** 2 * 0.6931471805599453).exp()\n"
        "register(Profile('half_gauss', 'Mine', shape=(R_EFF,), brightness=brightness))\n"
    )
    from galviewer import profiles

    profiles.load_user_profiles(file)
    mine = model.Model((model.Component("mine", "half_gauss"),), name="mine")
    result = run.execute(settings(model=mine, profiles=(str(file),)))
    row = run.open(result.out).rows()["g000"]
    assert row["mine_r_eff_arcsec"] == pytest.approx(0.4 * row["mine_r_eff"], rel=1e-3)
    assert row["chi2_nu"] < 1.2
    assert run.resume(result.out).fitted == 0


def test_settings_that_make_no_sense(settings, galaxies, tmp_path):
    with pytest.raises(SettingsError, match="limit: is 0"):
        settings(limit=0)
    with pytest.raises(SettingsError, match="colour"):
        run.execute(settings(fit={"colour": 1}))
    with pytest.raises(SettingsError, match="max_iterations"):
        run.execute(settings(fit={"max_iterations": 0}))
    with pytest.raises(ModelError):
        run.execute(settings(profiles=(str(tmp_path / "missing.py"),)))
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(SettingsError, match="holds no galaxy"):
        run.execute(settings(folder=str(empty)))
    assert not (tmp_path / "run" / "run.toml").exists()


def test_looking_at_a_directory_that_is_no_run(tmp_path):
    with pytest.raises(RunError, match="is no run directory"):
        run.open(tmp_path)
    (tmp_path / "run.toml").write_text("format = 99\n")
    (tmp_path / "model.toml").write_text("")
    with pytest.raises(RunError, match="format 99"):
        run.open(tmp_path)
    (tmp_path / "run.toml").write_text("format = \n")
    with pytest.raises(RunError, match="cannot be read"):
        run.open(tmp_path)


def test_blocks_can_be_read_back_for_skipped_and_unicode_names(settings, galaxies, add_galaxy):
    add_galaxy(galaxies, "é galaxy [1]", 5)
    view = run.open(run.execute(settings(limit=None)).out)
    assert blocks.read_block(view.block("é galaxy [1]")).galaxy.name == "é galaxy [1]"
