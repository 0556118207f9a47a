"""What the browser and notebook tests share: one Chromium for all, and folders of galaxies to open."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "browser"))  # for `harness`, which is no test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what drives Chromium."""
    here = Path(__file__).parent
    for item in items:
        if {here / "browser", here / "notebook"} & set(item.path.parents):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[object]:
    """Headless Chromium; each test opens its own tab."""
    from harness import CHROMIUM_ARGUMENTS, PATIENCE_MS
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        context = chrome.new_context(viewport={"width": 1600, "height": 900}, accept_downloads=True)
        context.set_default_timeout(PATIENCE_MS)
        yield context
        chrome.close()


@pytest.fixture(scope="session")
def few(sample_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six of the sample galaxies."""
    folder = tmp_path_factory.mktemp("few") / "galaxies"
    folder.mkdir()
    for number in range(1, 7):
        for path in sample_folder.glob(f"gv{number:02d}_*.fits*"):
            shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="session")
def many(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred and twenty galaxies: the six again and again under other names."""
    folder = tmp_path_factory.mktemp("many") / "galaxies"
    folder.mkdir()
    for number in range(120):
        for path in few.glob(f"gv{1 + number % 6:02d}_*"):
            role = path.name.split("_", 1)[1]
            os.link(path, folder / f"m{number:03d}_{role}")
    return folder
