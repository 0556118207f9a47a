"""The Batch page without a browser: form, look through a folder, results as they arrive."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from galviewer import flags, model
from galviewer.errors import SettingsError
from galviewer.explorer.batch import PRESENT, Batch
from galviewer.explorer.preflight import Preflight
from galviewer.explorer.results import Results, with_error
from galviewer.products import catalogue, tables
from galviewer.survey import SurveySettings

SERSIC = model.template("sersic")


def part(run: Path, number: int, names: list[str], **columns):
    """Write a catalogue part in which every column not given is missing."""
    rows = []
    for k, name in enumerate(names):
        row = catalogue.skipped_row(name, SERSIC, "", bits=0)
        row.update({key: values[k] for key, values in columns.items()})
        rows.append(row)
    (run / "catalogue").mkdir(parents=True, exist_ok=True)
    tables.write_part(rows, catalogue.columns(SERSIC), run / "catalogue" / f"part-{number:05d}.parquet")


@pytest.fixture
def state(tmp_path):
    """As much of a session as the page reads."""
    folder = tmp_path / "survey"
    folder.mkdir()
    source = SimpleNamespace(folder=folder, run=None, settings=SurveySettings(zeropoint=22.5))
    settings = SimpleNamespace(psf_kind="optical", device="cpu")
    return SimpleNamespace(source=source, settings=settings, model=SERSIC, start_model=SERSIC)


def test_form_begins_with_what_the_session_knows(state):
    form = Batch(state).form
    assert form["folder"].endswith("/survey")
    assert form["out"].endswith("/survey_run")
    assert (form["model"], form["psf_kind"], form["zeropoint"]) == (PRESENT, "optical", "22.5")


def test_form_becomes_a_request(state, tmp_path):
    toml = tmp_path / "my model.toml"
    toml.write_text(model.to_toml(SERSIC))
    batch = Batch(state)
    batch.fill({"model": "file", "model_file": str(toml), "pixel_scale": " 0.396 ", "nonsense": "x"})
    request = batch.request()
    assert request.model == str(toml)
    assert (request.zeropoint, request.pixel_scale, request.psf_kind) == (22.5, 0.396, "optical")
    assert "nonsense" not in batch.form


def test_how_the_session_reads_its_folder_goes_to_the_run(state):
    state.source.settings = SurveySettings(
        gain=2.5, sky_level=0.1, image_pattern="{name}-sci", exposure_zeropoint=True
    )
    words = Batch(state).request().command()
    for word in ("--gain=2.5", "--sky=0.1", "--image-pattern={name}-sci", "--exposure-zeropoint"):
        assert word in words
    from galviewer.cli.parser import build_parser

    known = build_parser().parse_args(words[3:])
    assert (known.gain, known.zeropoint, known.psf_kind) == (2.5, None, "optical")


@pytest.mark.parametrize(
    ("field", "text", "whose"),
    [("zeropoint", "bright", "zeropoint"), ("pixel_scale", "inf", "pixel scale"), ("model", "file", "model")],
)
def test_wrong_form_says_which_field(state, field, text, whose):
    batch = Batch(state)
    batch.fill({field: text})
    with pytest.raises(SettingsError) as caught:
        batch.request()
    assert caught.value.whose == whose


def test_existing_run_directory_is_shown_without_a_start(state, tmp_path):
    run = tmp_path / "survey_run"
    part(run, 0, ["a"], chi2_nu=[1.0])
    (run / "run.toml").write_text("")
    batch = Batch(state)
    assert batch.page().total == 1
    batch.fill({"out": str(tmp_path / "other")})
    assert batch.page().total == 0
    batch.fill({"out": str(run)})
    assert batch.page().total == 1


def test_suggestions_continue_a_path(state, tmp_path):
    (tmp_path / "psf.fits").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").mkdir()
    assert Batch.suggestions(f"{tmp_path}/") == [f"{tmp_path}/survey/"]
    assert Batch.suggestions(f"{tmp_path}/p", (".fits",)) == [f"{tmp_path}/psf.fits"]
    assert Batch.suggestions(f"{tmp_path}/nowhere/") == []


def test_look_through_the_bad_folder_tells_every_problem(sample_folder):
    preflight = Preflight(str(sample_folder / "bad"), SurveySettings()).start()
    assert preflight.wait(60)
    findings = preflight.findings()
    assert findings.done
    assert findings.read == findings.found > 5
    assert 0 < findings.usable < findings.found
    assert findings.errors >= findings.found - findings.usable
    kinds = [kind for kind, _ in findings.problems]
    assert kinds == sorted(kinds, key=["error", "repaired", "note"].index)


def test_counting_reads_no_pixels(sample_folder, monkeypatch):
    monkeypatch.setattr("galviewer.survey.check", None)
    preflight = Preflight(str(sample_folder), SurveySettings(), reads=False).start()
    assert preflight.wait(10)
    findings = preflight.findings()
    assert (findings.found, findings.read, findings.done, findings.reads) == (24, 0, True, False)


def test_look_through_nothing_says_so():
    preflight = Preflight("/nowhere/at/all", SurveySettings()).start()
    assert preflight.wait(10)
    findings = preflight.findings()
    assert findings.done
    assert findings.errors == 1
    assert "/nowhere/at/all" in findings.problems[0][1]


def test_results_grow_with_the_parts_and_are_read_once(tmp_path):
    part(
        tmp_path,
        0,
        ["a", "b"],
        chi2_nu=[1.0, np.nan],
        sersic_n=[4.123456, 1.0],
        sersic_n_err=[0.0123, np.nan],
        sersic_r_eff_err=[0.1, 0.1],
    )
    results = Results(tmp_path)
    assert results.refresh()
    assert not results.refresh()
    page = results.page()
    assert page.total == 2
    assert page.columns[:3] == ("name", "flags", "chi2_nu")
    assert "sersic_flux" not in page.columns
    assert "sersic_n_err" not in page.columns
    assert "sersic_q" not in page.columns  # without an error anywhere: held fixed
    n = page.columns.index("sersic_n")
    assert [row[n] for row in page.rows] == ["4.123 ± 0.012", "1"]
    assert results.units["sersic_r_eff"] == "pixel"
    part(tmp_path, 1, ["c"], chi2_nu=[2.0])
    assert results.refresh()
    assert results.page().total == 3


def test_results_sort_filter_and_page(tmp_path):
    names = [f"g{k:03d}" for k in range(250)]
    chi2 = [float((37 * k) % 250) for k in range(250)]
    chi2[7] = np.nan
    bits = [int(flags.Flag.AT_BOUND) if k % 10 == 0 else 0 for k in range(250)]
    part(tmp_path, 0, names, chi2_nu=chi2, flags=bits)
    results = Results(tmp_path)
    results.refresh()
    down = results.page(sort="chi2_nu", descending=True, limit=3)
    assert [row[2] for row in down.rows] == ["249", "248", "247"]
    last = results.page(sort="chi2_nu", descending=True, offset=249, limit=3)
    assert last.rows[0][0] == "g007"  # missing values come last in both directions
    flagged = results.page(flag="at_bound", limit=10_000)
    assert flagged.total == len(flagged.rows) == 25
    assert {row[1] for row in flagged.rows} == {"at_bound"}
    assert results.page(search="G24").total == 10
    assert results.page(search="g2.").total == 0  # text, not a pattern
    assert len(results.page(limit=10_000).rows) == 250
    beyond = results.page(offset=10_000)
    assert beyond.total == 250


def test_a_damaged_part_does_not_stop_the_page(tmp_path):
    part(tmp_path, 0, ["a"])
    (tmp_path / "catalogue" / "part-00001.parquet").write_bytes(b"PAR1 half")
    results = Results(tmp_path)
    assert results.refresh()
    assert results.page().total == 1


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (12.3456, 0.0512, "12.346 ± 0.051"),
        (12.3456, np.nan, "12.346"),
        (12.3456, None, "12.346"),
        (np.nan, 0.1, "–"),
        (-0.5, 0.25, "-0.50 ± 0.25"),
        (12345.6, 123.0, "12346 ± 123"),
        (3.2e-12, 4.1e-14, "3.2e-12 ± 4.1e-14"),
        (1.0, 0.0, "1"),
    ],
)
def test_values_are_rounded_to_their_errors(value, error, text):
    assert with_error(value, error) == text


def test_page_of_a_hundred_thousand_rows_is_sorted(tmp_path):
    count = 100_000
    rows = tables.from_rows([catalogue.skipped_row("g", SERSIC, "", bits=0)], catalogue.columns(SERSIC))
    table = rows.take(np.zeros(count, int))
    table = table.set_column(
        table.column_names.index("chi2_nu"), "chi2_nu", [np.random.default_rng(1).normal(1, 0.1, count)]
    )
    (tmp_path / "catalogue").mkdir()
    import pyarrow.parquet as pq

    pq.write_table(table, tmp_path / "catalogue" / "part-00000.parquet")
    results = Results(tmp_path)
    results.refresh()
    page = results.page(sort="chi2_nu", offset=50_000)
    shown = [float(row[page.columns.index("chi2_nu")]) for row in page.rows]
    expected = np.sort(table["chi2_nu"].to_numpy())[50_000:50_100]
    np.testing.assert_allclose(shown, expected, atol=1e-3)
