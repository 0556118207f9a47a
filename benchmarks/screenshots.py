"""Pictures of the explorer for the documentation, taken from the running program.

``python benchmarks/screenshots.py [FOLDER] [--galaxy NAME] [--out docs/images]``

FOLDER holds real galaxies (three SDSS galaxies by default, where the shared data lie beside the checkout;
the sample galaxies otherwise). Every picture is the page as Chromium paints it at 1600 x 900, not retouched.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "data" / "galmoss_sdss3"
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextlib.contextmanager
def served(source: Path, cwd: Path | None = None) -> Iterator[str]:
    """`galviewer explore SOURCE` on a free port; yields its address."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, "-m", "galviewer", "explore", str(source), f"--port={port}", "--no-browser"]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.DEVNULL, cwd=cwd
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            if process.poll() is not None:
                sys.exit("the server ended early")
            try:
                urllib.request.urlopen(url, timeout=10).close()
                break
            except OSError:
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def part(page: Any, test: str) -> Any:
    """The element with that ``data-test``."""
    return page.locator(f'[data-test="{test}"]')


def settled(page: Any) -> None:
    """Wait until two looks at the page half a second apart are the same."""
    before = b""
    for _ in range(40):
        page.wait_for_timeout(500)
        now = page.screenshot(animations="disabled")
        if now == before:
            return
        before = now


def fit_page(page: Any, url: str, galaxy: str, template: str, out: Path, light: bool) -> None:
    """A galaxy with a fitted model."""
    page.goto(f"{url}?galaxy={galaxy.replace('+', '%2B')}" if galaxy else url)
    part(page, "fit").wait_for()
    if light:
        part(page, "theme").click()
    part(page, "template").select_option(template)
    component = template.split("+")[0]
    page.locator(f'input[type=range][data-column="{component}_mag"]').wait_for()
    part(page, "fit").click()
    page.locator(f'[data-test="parameter"][data-column="{component}_mag"] .err').get_by_text("±").wait_for()
    page.mouse.move(5, 895)
    settled(page)
    page.screenshot(path=out)


def survey_folder(folder: Path) -> Path:
    """The sample galaxies with some of the broken ones among them."""
    survey = folder / "my_survey"
    shutil.copytree(
        ROOT / "sample_data", survey, ignore=shutil.ignore_patterns("bad", "*.py", "*.md", "*.csv")
    )
    for name in ("inf_pixels", "missing_sigma", "missing_image", "not_fits"):
        for path in (ROOT / "sample_data" / "bad").glob(f"{name}_*"):
            shutil.copy(path, survey)
    return survey


def batch_page(page: Any, url: str, out: Path) -> None:
    """A run of the sample galaxies, finished, with its table."""
    page.goto(url)
    part(page, "tab-batch").wait_for()
    part(page, "tab-batch").click()
    part(page, "batch-model").select_option("sersic+sky")
    for field, text in (("folder", "my_survey"), ("out", "my_run")):
        part(page, f"batch-{field}").fill(text)
        part(page, f"batch-{field}").press("Tab")
    part(page, "batch-check").click()
    page.locator('[data-test="batch-check-counts"][data-done="true"]').wait_for()
    part(page, "batch-start").click()
    page.locator('[data-test="batch-phase"][data-phase="finished"]').wait_for(timeout=180_000)
    page.mouse.move(5, 895)
    settled(page)
    page.screenshot(path=out)


def main() -> None:
    """Take them all."""
    parser = argparse.ArgumentParser(description="pictures of the explorer")
    default = REAL if REAL.is_dir() else ROOT / "sample_data"
    parser.add_argument("folder", nargs="?", type=Path, default=default)
    parser.add_argument("--galaxy", default="")
    parser.add_argument("--template", default="bulge+disk")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "images")
    parser.add_argument("--only", default="", help="part of a picture's name")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("GALVIEWER_CHROMIUM") or shutil.which("chromium")
    arguments.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        pictures = {
            "explorer.png": lambda url, out: fit_page(
                page, url, arguments.galaxy, arguments.template, out, light=False
            ),
            "explorer_light.png": lambda url, out: fit_page(
                page, url, arguments.galaxy, arguments.template, out, light=True
            ),
            "batch.png": lambda url, out: batch_page(page, url, out),
        }
        for name, take in pictures.items():
            if arguments.only in name:
                if name == "batch.png":
                    source, cwd = survey_folder(Path(folder)), Path(folder)
                else:
                    source, cwd = arguments.folder.resolve(), None
                with served(source, cwd) as url:
                    take(url, arguments.out / name)
        browser.close()


if __name__ == "__main__":
    main()
