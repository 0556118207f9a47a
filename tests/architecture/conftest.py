"""The package's sources, parsed once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def sources(root: Path) -> dict[str, ast.Module]:
    """Return every module of galviewer by its path relative to the package, parsed."""
    package = root / "galviewer"
    paths = sorted(p for p in package.rglob("*.py") if "_sample_data" not in p.parts)
    return {p.relative_to(package).as_posix(): ast.parse(p.read_text("utf-8"), str(p)) for p in paths}
