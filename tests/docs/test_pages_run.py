"""The pages' Python is typed as it stands: all blocks of a page in order, in one namespace."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = "<!-- not run -->"
TESTED_ELSEWHERE = ("own-profiles.md",)
"""One file of several blocks, run by tests/property/test_own_profiles.py; README: tests/architecture."""

_BLOCK = re.compile(
    rf"(?P<skip>{re.escape(NOT_RUN)}\s*\n)?^```python\n(?P<code>.*?)^```", re.DOTALL | re.MULTILINE
)


def blocks(text: str) -> list[tuple[int, str]]:
    """Line number and code of each Python block that is to be run."""
    return [
        (text.count("\n", 0, found.start("code")) + 1, found["code"])
        for found in _BLOCK.finditer(text)
        if not found["skip"]
    ]


def pages() -> list[Path]:
    """Pages with Python to run."""
    found = (page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in TESTED_ELSEWHERE)
    return [page for page in found if blocks(page.read_text("utf-8"))]


def run(page: Path, namespace: dict[str, object]) -> None:
    """Run a page's blocks; an error names the page and its own line."""
    for line, code in blocks(page.read_text("utf-8")):
        exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_page_runs(page: Path, tmp_path: Path, monkeypatch, request) -> None:
    """Every block runs; what it writes goes to a temporary folder."""
    from galviewer.profiles import registry

    kept = dict(registry._profiles)
    text = page.read_text("utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    if any("DATA" in code for _, code in blocks(text)):
        namespace["DATA"] = request.getfixturevalue("shared_data")
    monkeypatch.chdir(tmp_path)
    try:
        run(page, namespace)
    finally:
        registry._profiles.clear()  # what a page registers is known to it alone
        registry._profiles.update(kept)


def test_the_pages_with_examples_are_found() -> None:
    assert {"from-galmoss.md", "model.md"} <= {page.name for page in pages()}


def test_a_block_may_be_left_out_and_errors_name_their_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        f"# A\n\n{NOT_RUN}\n```python\nraise SystemExit\n```\n\n```python\na = 1\n1 / 0\n```\n", "utf-8"
    )
    with pytest.raises(ZeroDivisionError) as raised:
        run(page, {})
    assert raised.traceback[-1].lineno + 1 == 10
    assert os.fspath(raised.traceback[-1].path) == str(page)
