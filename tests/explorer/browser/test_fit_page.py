"""The Fit page in a real browser: see, move, fix, tie, fit, undo, walk through the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from harness import Screen, explorer, read_number


@pytest.fixture(scope="module")
def address(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with explorer(few, tmp_path_factory.mktemp("server") / "log", "--model=sersic+sky") as url:
        yield url


@pytest.fixture
def screen(browser, address: str) -> Iterator[Screen]:
    screen = Screen(browser, address)
    screen.part("row", name="gv01").wait_for()
    screen.slider("sersic_r_eff").wait_for()
    yield screen
    screen.close()


def chi2(screen: Screen) -> float:
    """chi2_nu as the page shows it."""
    return read_number(screen.part("chi2nu").inner_text())


def error(screen: Screen, column: str) -> str:
    """What stands beside the number box of a parameter."""
    return screen.part("parameter", column=column).locator(".err").inner_text()


def fit(screen: Screen) -> None:
    """Press Fit and wait for its errors."""
    screen.part("fit").click()
    screen.until(lambda: "±" in error(screen, "sersic_mag"), "errors appear")


def enter(screen: Screen, column: str, text: str) -> None:
    """Type a value into a number box."""
    screen.number(column).fill(text)
    screen.number(column).press("Enter")


def press(screen: Screen, column: str, times: int, key: str = "ArrowRight") -> None:
    """Move a slider by its keys."""
    screen.slider(column).focus()
    for _ in range(times):
        screen.page.keyboard.press(key)


def test_the_galaxy_is_shown(screen: Screen):
    for plot in ("plot-data", "plot-model", "plot-residual"):
        screen.until(lambda plot=plot: screen.pixels(plot).std() > 5, f"{plot} shows something")
        pixels = screen.pixels(plot)
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 50, plot
    data = screen.pixels("plot-data").mean(axis=2)
    height, width = data.shape
    middle = data[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    assert abs(middle.mean() - np.median(data)) > 20, "the galaxy stands out in the middle"
    assert screen.part("name").inner_text() == "gv01"


def test_slider_moves_the_model_and_the_number_follows(screen: Screen):
    screen.part("show_ellipses").click()  # they would move over the data
    screen.part("show_ellipses").and_(screen.page.locator('[aria-pressed="false"]')).wait_for()
    before_model, before_data = screen.pixels("plot-model"), screen.pixels("plot-data")
    before = screen.value("sersic_r_eff")
    press(screen, "sersic_r_eff", 40)
    screen.until(lambda: screen.value("sersic_r_eff") > before, "number box follows")
    screen.until_painted("plot-model", before_model)
    assert np.abs(screen.pixels("plot-data") - before_data).mean() < 0.05, "the data stay"


def test_number_box_moves_the_slider(screen: Screen):
    before, painted = float(screen.slider("sersic_q").input_value()), screen.pixels("plot-model")
    enter(screen, "sersic_q", "0.25")
    screen.until(lambda: float(screen.slider("sersic_q").input_value()) != before, "slider follows")
    screen.until_painted("plot-model", painted)
    assert screen.value("sersic_q") == pytest.approx(0.25)


def test_fit_lowers_chi2_and_shows_errors_and_undo_brings_it_back(screen: Screen):
    enter(screen, "sersic_mag", f"{screen.value('sersic_mag') + 0.8:.3f}")
    screen.until(lambda: chi2(screen) > 2.0, "the model was spoilt")
    start, mag = chi2(screen), screen.value("sersic_mag")
    assert error(screen, "sersic_mag") == ""
    fit(screen)
    assert chi2(screen) < 1.3 < start
    assert 0 < read_number(error(screen, "sersic_mag").replace("±", "")) < 0.2
    assert screen.value("sersic_mag") == pytest.approx(mag - 0.8, abs=0.5)
    screen.part("undo").click()
    screen.until(lambda: abs(screen.value("sersic_mag") - mag) < 2e-3, "undo brings the old value")
    screen.until(lambda: abs(chi2(screen) - start) < 0.02 * start, "and the old chi2")


def test_fixed_parameter_stays_in_the_fit(screen: Screen):
    enter(screen, "sersic_n", "3.3")
    screen.part("fix", column="sersic_n").click()
    screen.part("fix", column="sersic_n").and_(screen.page.locator('[aria-pressed="true"]')).wait_for()
    fit(screen)
    assert screen.value("sersic_n") == pytest.approx(3.3)
    assert error(screen, "sersic_n") == ""
    screen.part("fix", column="sersic_n").click()
    screen.part("fix", column="sersic_n").and_(screen.page.locator('[aria-pressed="false"]')).wait_for()
    fit(screen)
    screen.until(lambda: abs(screen.value("sersic_n") - 3.3) > 0.01, "set free, it moves")


def test_tied_parameter_follows(screen: Screen):
    screen.part("template").select_option("bulge+disk")
    screen.number("disk_pa").wait_for()
    screen.part("more", column="disk_pa").click()
    screen.page.get_by_label("disk_pa tied to").select_option("bulge.pa")
    screen.page.locator('[data-test="parameter"][data-column="disk_pa"] .tied').wait_for()
    model = screen.pixels("plot-model")
    enter(screen, "bulge_pa", "33.3")
    screen.until(lambda: abs(screen.value("disk_pa") - 33.3) < 0.05, "the tied one follows")
    screen.until_painted("plot-model", model, least=0.05)


def test_stretch_changes_data_and_model_in_the_browser(screen: Screen):
    data, model = screen.pixels("plot-data"), screen.pixels("plot-model")
    screen.part("stretch").select_option("linear")
    screen.until_painted("plot-data", data, least=1.0)
    screen.until_painted("plot-model", model, least=1.0)


def test_residual_mode_changes_only_the_residual(screen: Screen):
    residual, data = screen.pixels("plot-residual"), screen.pixels("plot-data")
    screen.part("residual-mode").select_option("relative")
    screen.until_painted("plot-residual", residual, least=0.5)
    assert np.abs(screen.pixels("plot-data") - data).mean() < 0.05


def test_queue_next_previous_and_click(screen: Screen):
    data = screen.pixels("plot-data")
    screen.part("next").click()
    screen.until(lambda: screen.part("name").inner_text() == "gv02", "next galaxy")
    screen.until_painted("plot-data", data, least=1.0)
    screen.part("previous").click()
    screen.until(lambda: screen.part("name").inner_text() == "gv01", "previous galaxy")
    screen.part("row", name="gv05").click()
    screen.until(lambda: screen.part("name").inner_text() == "gv05", "the one clicked")


def test_keys_do_not_fire_while_typing(screen: Screen):
    screen.number("sersic_n").focus()
    screen.page.keyboard.press("j")
    screen.page.keyboard.press("Escape")
    screen.part("search").fill("gv0")
    assert screen.part("name").inner_text() == "gv01"


def test_link_reopens_the_same_galaxy(browser, address: str):
    screen = Screen(browser, f"{address}?galaxy=gv04")
    screen.until(lambda: screen.part("name").count() == 1, "page")
    screen.until(lambda: screen.part("name").inner_text() == "gv04", "the galaxy of the link")
    screen.close()
