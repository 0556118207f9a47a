"""The explorer as a widget in a real JupyterLab: it shows, a slider reaches Python, Python reaches it."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import playwright.sync_api as playwright
import pytest
from harness import Watch, free_port, running

pytestmark = pytest.mark.slow

CELLS = (
    "import galviewer\nex = galviewer.explore({folder!r}, model='sersic')\nex",
    "print('is', round(float(ex.parameters[ex.model.index('sersic_q')]), 4), 'now')",
    "ex.state.set_value('sersic_q', 0.4321)",
    "ex.state.fit(wait=True)",
)

MOVED = "([box, first]) => Math.abs(Number(box.value) - first) > 0.005"
STARTED = "([prompt, before]) => prompt.innerText !== before"
ENDED = r"(prompt) => /\[\d+\]/.test(prompt.innerText)"


@pytest.fixture
def lab(few: Path, tmp_path: Path) -> Iterator[str]:
    """A JupyterLab server with a notebook; yields the notebook's address."""
    cells = [
        {
            "cell_type": "code",
            "id": f"cell{k}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source.format(folder=str(few)) if k == 0 else source,
        }
        for k, source in enumerate(CELLS)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "look.ipynb").write_text(json.dumps(notebook))
    token, port = secrets.token_hex(16), free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--allow-root"]
    command += [
        f"--ServerApp.port={port}",
        f"--ServerApp.root_dir={tmp_path / 'work'}",
        "--LabApp.news_url=None",
    ]
    command += [f"--IdentityProvider.token={token}", "--ServerApp.port_retries=0"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"]
    homes = {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
    }
    url = f"http://127.0.0.1:{port}"
    with running(command, f"{url}/api?token={token}", tmp_path / "log", **homes):
        yield f"{url}/lab/tree/look.ipynb?token={token}"


def test_slider_in_the_notebook_changes_python_and_back(browser, lab: str):
    page = browser.new_page()
    page.set_default_timeout(60_000)
    watch = Watch(page)
    page.goto(lab)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(len(CELLS) - 1).wait_for()
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()

    def run(number: int) -> None:
        """Run a cell to its end; pressed again if the kernel was not listening yet."""
        prompt = cells.nth(number).locator(".jp-InputPrompt")
        before = prompt.inner_text()
        for _ in range(10):
            cells.nth(number).locator(".jp-InputArea-editor").click()
            page.keyboard.press("Control+Enter")
            with contextlib.suppress(playwright.TimeoutError):
                page.wait_for_function(STARTED, arg=[prompt.element_handle(), before], timeout=3000)
                break
        page.wait_for_function(ENDED, arg=prompt.element_handle())

    def python_says() -> float:
        """The slider's value in Python, as a cell prints it.

        JupyterLab runs widget messages beside the cells, and Panel catches all output meanwhile: what
        a cell prints at such a moment is lost, so it is run again.
        """
        for _ in range(20):
            run(1)
            said = re.search(r"is (\S+) now", cells.nth(1).inner_text())
            if said:
                return float(said.group(1))
        raise AssertionError("the cell printed nothing")

    def agree() -> bool:
        return python_says() == pytest.approx(float(box.input_value()), abs=2e-3)

    run(0)
    slider = page.locator('input[type=range][data-column="sersic_q"]')
    slider.wait_for()
    box = page.locator('input[data-test="number"][data-column="sersic_q"]')
    first = python_says()
    assert agree()

    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(MOVED, arg=[box.element_handle(), first])
    assert any(agree() for _ in range(10)), "Python follows"
    assert abs(python_says() - first) > 0.005

    run(2)
    page.wait_for_function("(box) => Math.abs(Number(box.value) - 0.4321) < 2e-3", arg=box.element_handle())
    run(3)
    error = page.locator('[data-test="parameter"][data-column="sersic_q"] .err')
    page.wait_for_function("(error) => error.innerText.includes('±')", arg=error.element_handle())
    page.close()
    watch.check()
