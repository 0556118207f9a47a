"""What the pages tell a newcomer to type works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest


@pytest.fixture
def readme(root: Path) -> str:
    """Return the text of the README."""
    return (root / "README.md").read_text("utf-8")


def test_the_readme_has_the_two_commands(readme: str) -> None:
    """The two set-up commands stand in the README as .ci/run takes them."""
    commands = [line for line in readme.splitlines() if line.startswith("python -m pip install -c ")]
    assert commands == [
        "python -m pip install -c constraints.txt . && galviewer demo",
        "python -m pip install -c constraints.txt -e '.[test]' && python -m pytest",
    ]


def test_the_notebook_snippet_runs(
    readme: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's Python prints a fit and a catalogue and draws a figure; the widget is shown elsewhere."""
    monkeypatch.chdir(tmp_path)
    snippet = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert snippet is not None
    code = snippet[1].replace("galviewer.explore(", "(lambda *args: None)(")
    exec(compile(code, "README.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("gv19: bulge+disk")
    assert any(line.startswith("gv01 ") for line in lines)
    assert (tmp_path / "gv19.pdf").read_bytes().startswith(b"%PDF")
    assert len(list((tmp_path / "run" / "blocks").glob("*.fits"))) == 24


def test_every_command_of_the_readme_exists(readme: str) -> None:
    """Sub-commands and options that the README names are known to the parser."""
    from galviewer.cli import main

    found = re.findall(r"^galviewer (\w+)", readme, re.MULTILINE)
    assert {"check", "fit", "explore", "export"} <= set(found)
    for command in set(found):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0


def test_links_between_pages_lead_somewhere(root: Path) -> None:
    """Every relative link of every page names a file that exists."""
    broken = []
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md")), root / "sample_data/README.md"]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
