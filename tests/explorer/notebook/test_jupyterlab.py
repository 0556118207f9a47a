"""The explorer as a widget in a real JupyterLab: it shows, a slider reaches Python, Python reaches it."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Watch, free_port, running

pytestmark = pytest.mark.slow

CELLS = (
    "import galviewer\nex = galviewer.explore({folder!r}, model='sersic')\nex",
    "print('is', round(ex.parameters['sersic_q'], 4), 'now')",
    "ex.state.set_value('sersic_q', 0.4321)",
    "fit = ex.state.fit(wait=True); print('fitted', ex.result.name, ex.result.usable)",
)

MOVED = "([box, first]) => Math.abs(Number(box.value) - first) > 0.005"
SAID = """([cell, first]) => {
  const said = cell.innerText.match(/is ([0-9.]+) now/)
  return said && Math.abs(Number(said[1]) - first) > 0.005
}"""


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
    context = browser.new_context(viewport={"width": 1700, "height": 1000})
    context.set_default_timeout(60_000)
    page = context.new_page()
    watch = Watch(page)
    page.goto(lab)
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    cells.nth(len(CELLS) - 1).wait_for()
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for()

    def run(number: int) -> None:
        cells.nth(number).locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")

    def says(number: int, text: str) -> str:
        output = cells.nth(number).locator(".jp-OutputArea-output").filter(has_text=text).first
        output.wait_for()
        return output.inner_text()

    run(0)
    slider = page.locator('input[type=range][data-column="sersic_q"]')
    slider.wait_for()
    box = page.locator('input[data-test="number"][data-column="sersic_q"]')
    run(1)
    first = float(says(1, "is").split()[1])
    assert first == pytest.approx(float(box.input_value()), abs=2e-3)

    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function(MOVED, arg=[box.element_handle(), first])
    run(1)
    page.wait_for_function(SAID, arg=[cells.nth(1).element_handle(), first])
    moved = float(says(1, "is").split()[1])
    assert moved == pytest.approx(float(box.input_value()), abs=2e-3)

    run(2)
    page.wait_for_function("(box) => Math.abs(Number(box.value) - 0.4321) < 2e-3", arg=box.element_handle())
    run(3)
    assert "True" in says(3, "fitted")
    context.close()
    watch.check()
