"""The Batch page in a real browser: the folder is checked, the run started, cancelled, resumed, inspected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Screen, explorer, read_number


@pytest.fixture(scope="module")
def address(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with explorer(many, tmp_path_factory.mktemp("server") / "log") as url:
        yield url


@pytest.fixture
def screen(browser, address: str) -> Iterator[Screen]:
    screen = open_batch(browser, address)
    yield screen
    screen.close()


def open_batch(browser, address: str) -> Screen:
    """A new tab on the Batch page."""
    screen = Screen(browser, address)
    screen.part("tab-batch").click()
    screen.part("batch-page").wait_for()
    return screen


def phase(screen: Screen) -> str:
    return screen.part("batch-phase").inner_text()


def done(screen: Screen) -> int:
    """Galaxies with an outcome so far."""
    match = re.match(r"(\d+) /", screen.part("batch-count").inner_text())
    return int(match.group(1)) if match else 0


def enter(screen: Screen, field: str, text: str) -> None:
    """Type into a field of the form and leave it."""
    screen.part(f"batch-{field}").fill(text)
    screen.part(f"batch-{field}").press("Tab")


def test_check_counts_galaxies_and_tells_problems(screen: Screen, sample_folder: Path):
    enter(screen, "folder", str(sample_folder / "bad"))
    screen.part("batch-check").click()
    screen.part("batch-check-counts").and_(screen.page.locator('[data-done="true"]')).wait_for()
    assert re.match(r"\d+ galaxies, \d+ usable", screen.part("batch-check-counts").inner_text())
    assert screen.part("batch-problems").locator('[data-kind="error"]').count() > 5
    assert "all_masked" in screen.part("batch-problems").inner_text()


def test_wrong_form_is_answered_in_words(screen: Screen, tmp_path: Path):
    enter(screen, "out", str(tmp_path / "run"))
    enter(screen, "zeropoint", "bright")
    screen.part("batch-start").click()
    screen.until(lambda: "zeropoint" in screen.part("batch-notice").inner_text(), "says what is wrong")
    assert phase(screen) == "new"


@pytest.mark.slow
def test_start_cancel_resume_and_inspect(browser, screen: Screen, address: str, tmp_path: Path):
    run = tmp_path / "run of many"
    screen.part("batch-model").select_option("sersic+sky")
    enter(screen, "out", str(run))
    screen.part("batch-start").click()
    screen.until(lambda: 0 < done(screen) < 120, "progress", seconds=60)
    assert phase(screen) == "running"
    screen.part("batch-cancel").click()
    screen.until(lambda: phase(screen) == "cancelled", "cancelled", seconds=60)
    kept = done(screen)
    assert 0 < kept < 120

    # The tab is closed; another one finds the run in its directory.
    other = open_batch(browser, address)
    enter(other, "out", str(run))
    other.until(lambda: phase(other) == "cancelled", "the run is found again")
    assert done(other) == kept
    other.part("batch-resume").click()
    other.until(lambda: phase(other) == "running" and done(other) > kept, "goes on", seconds=60)
    other.close()

    screen.until(lambda: phase(screen) == "finished", "finished", seconds=120)
    assert screen.part("batch-count").inner_text() == "120 / 120"
    assert screen.part("batch-failed").inner_text() == "0"
    screen.until(lambda: "of 120" in screen.part("batch-where").inner_text(), "all rows in the table")

    screen.part("batch-search").fill("m007")
    row = screen.part("batch-row", name="m007")
    row.wait_for()
    screen.until(lambda: screen.part("batch-row").count() == 1, "found by name")
    cells = row.locator("td").all_inner_texts()
    head = screen.part("batch-table").locator("th span").all_inner_texts()
    r_eff = cells[head.index("sersic_r_eff")]
    value, sigma = (read_number(text) for text in r_eff.split("±"))
    assert 0 < sigma < value

    row.click()
    screen.until(lambda: screen.part("name").inner_text() == "m007", "opens on the Fit page")
    screen.number("sersic_r_eff").wait_for()
    assert screen.value("sersic_r_eff") == pytest.approx(value, rel=0.02)
    error = screen.part("parameter", column="sersic_r_eff").locator(".err")
    assert read_number(error.inner_text().replace("±", "")) == pytest.approx(sigma, rel=0.1)
    screen.until(lambda: screen.pixels("plot-model").std() > 5, "with its model")


@pytest.mark.slow
def test_run_with_the_present_model_survives_the_closing_of_its_tab(browser, address: str, tmp_path: Path):
    run = tmp_path / "run"
    screen = open_batch(browser, address)
    enter(screen, "out", str(run))
    screen.part("batch-start").click()
    screen.until(lambda: phase(screen) in ("starting", "running"), "started")
    screen.close()
    other = open_batch(browser, address)
    enter(other, "out", str(run))
    other.until(lambda: phase(other) == "finished", "finished without its tab", seconds=120)
    assert (run / "job.model.toml").is_file()
    other.close()
