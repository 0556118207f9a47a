"""Importing galviewer and asking for help is quick: torch, panel and astropy load when they are needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "panel", "bokeh", "holoviews", "astropy", "pandas", "pyarrow", "matplotlib", "scipy")


def modules_after(code: str) -> set[str]:
    """Top-level modules loaded in a fresh interpreter after running `code`."""
    probe = f"import sys, json\n{code}\nprint(json.dumps(sorted({{m.split('.')[0] for m in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


HELP = """
from galviewer.cli import main
try:
    main(['--help'])
except SystemExit:
    pass
"""


@pytest.mark.parametrize("code", ["import galviewer", HELP], ids=["import galviewer", "galviewer --help"])
def test_heavy_modules_stay_out(code: str) -> None:
    """Neither the import nor the help loads a heavy module."""
    assert modules_after(code) & set(HEAVY) == set()


@pytest.mark.parametrize("name", ["profiles", "model", "survey", "guess", "products"])
def test_torch_stays_out_of_parts_that_can_do_without(name: str) -> None:
    """Browsing a finished run needs no torch."""
    assert "torch" not in modules_after(f"import galviewer.{name}")


def fastest(code: str, tries: int = 5) -> float:
    """Shortest wall time of a fresh interpreter running `code`, less that of one doing nothing."""

    def once(text: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", text], check=True, capture_output=True)
        return time.perf_counter() - begin

    return min(once(code) for _ in range(tries)) - min(once("pass") for _ in range(tries))


def test_import_takes_less_than_300_ms() -> None:
    """The best of five, so that a busy machine does not fail it."""
    assert fastest("import galviewer") < 0.3


def test_help_takes_less_than_500_ms() -> None:
    """The best of five, so that a busy machine does not fail it."""
    assert fastest(HELP) < 0.5
