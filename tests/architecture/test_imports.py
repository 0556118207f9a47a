"""Who may import whom: data walks through galviewer once, from left to right."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import NamedTuple

import pytest

# A part may import the parts before it and itself. docs/architecture.md draws the same order.
ORDER = (
    ("conventions", "errors", "flags", "sample"),
    ("profiles",),
    ("model",),
    ("survey",),
    ("guess",),
    ("render",),
    ("fit",),
    ("uncertainty",),
    ("products",),
    ("run",),
    ("review",),
    ("api",),
    ("explorer",),
    ("cli", "__init__"),
    ("__main__",),
)
RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}
SCREEN = {"panel", "bokeh", "holoviews", "param", "datashader"}
# These parts serve people who have no need to wait for torch, or have none.
NO_TORCH_AT_IMPORT = {"conventions", "errors", "flags", "sample", "profiles", "model", "survey", "guess",
                      "products", "review", "api", "cli", "__init__", "__main__"}
NO_FILES = {"profiles", "model", "render", "fit", "uncertainty"}


# There only where a notebook provides it; imported behind a try.
OPTIONAL = {"IPython"}


class Import(NamedTuple):
    """One imported name: target, line, and whether it runs when the module is imported."""

    target: str
    line: int
    at_import: bool


def part_of(path: str) -> str:
    """Return the part of the package that a file belongs to."""
    return path.split("/")[0].removesuffix(".py")


def is_type_checking(node: ast.AST) -> bool:
    """Return whether a statement is ``if TYPE_CHECKING:``, whose body never runs."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(tree: ast.Module, path: str) -> Iterator[Import]:
    """Every import of a module, relative ones made absolute, function bodies and type-checking blocks too."""
    package = ["galviewer", *path.split("/")[:-1]]

    def walk(node: ast.AST, at_import: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (Import(alias.name, child.lineno, at_import) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else []
                stem = ".".join([*base, *([child.module] if child.module else [])])
                yield from (Import(f"{stem}.{alias.name}", child.lineno, at_import) for alias in child.names)
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, at_import and not inner and not is_type_checking(child))

    yield from walk(tree, True)


def violations(tree: ast.Module, path: str) -> list[str]:
    """Sentences about every import of a module that the rules forbid."""
    part, found = part_of(path), []
    if part not in RANK:
        return [f"{path}: part {part!r} has no place in ORDER"]
    for target, line, at_import in imports(tree, path):
        top, *rest = target.split(".")
        where = f"{path}:{line}"
        if top == "galviewer" and rest and rest[0] in RANK and rest[0] != part:
            if RANK[rest[0]] >= RANK[part]:
                found.append(f"{where}: {part} must not import {rest[0]}, which stands to its right")
        elif top in SCREEN and part != "explorer":
            found.append(f"{where}: only the explorer imports {top}")
        elif top == "torch" and at_import and part in NO_TORCH_AT_IMPORT:
            found.append(f"{where}: {part} must load torch inside functions only")
        elif top == "astropy" and part in NO_FILES:
            found.append(f"{where}: {part} takes tensors, never files; it has no use for {top}")
    return found


def test_imports_run_from_left_to_right(sources: dict[str, ast.Module]) -> None:
    """The whole package keeps the order."""
    assert [line for path, tree in sources.items() for line in violations(tree, path)] == []


@pytest.mark.parametrize(
    ("path", "code", "word"),
    [
        ("profiles/sersic.py", "from galviewer import fit", "right"),
        ("profiles/sersic.py", "from ..render.planes import draw", "right"),
        ("model/toml.py", "import galviewer.survey.scan", "right"),
        ("fit/solver.py", "def f():\n    from galviewer.products import catalogue", "right"),
        ("fit/solver.py", "if TYPE_CHECKING:\n    from galviewer.run import plan", "right"),
        ("run/plan.py", "from galviewer.explorer.state import State", "right"),
        ("errors.py", "from galviewer.flags import Flag", "right"),
        ("run/plan.py", "import panel as pn", "explorer"),
        ("products/blocks.py", "def f():\n    import bokeh.io", "explorer"),
        ("cli.py", "import torch", "torch"),
        ("survey/batch.py", "class A:\n    import torch.nn", "torch"),
        ("render/planes.py", "from astropy.io import fits", "files"),
        ("newcomer/thing.py", "import math", "ORDER"),
    ],
)
def test_a_planted_violation_is_found(path: str, code: str, word: str) -> None:
    """Each rule fails on a module that breaks it."""
    found = violations(ast.parse(code), path)
    assert len(found) == 1
    assert word in found[0]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("survey/batch.py", "def f():\n    import torch"),
        ("survey/batch.py", "if TYPE_CHECKING:\n    import torch"),
        ("fit/solver.py", "import torch\nfrom galviewer.render import planes\nfrom .loop import run"),
        ("explorer/app.py", "import panel\nfrom galviewer.run import plan"),
        ("cli.py", "def f():\n    from galviewer import explorer"),
    ],
)
def test_lawful_imports_pass(path: str, code: str) -> None:
    """The rules forbid no more than they say."""
    assert violations(ast.parse(code), path) == []


def test_every_third_party_import_is_declared(sources: dict[str, ast.Module], root: Path) -> None:
    """What the package imports stands in pyproject.toml, and what stands there is imported somewhere."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]

    def heads(lines: list[str]) -> set[str]:
        return {re.split(r"[<>=!~ \[;]", line)[0].lower().replace("_", "-") for line in lines}

    declared, science = heads(project["dependencies"]), heads(project["optional-dependencies"]["science"])
    names = packages_distributions()
    used: dict[str, str] = {}
    for path, tree in sources.items():
        for target, line, at_import in imports(tree, path):
            top = target.split(".")[0]
            if not at_import and top in science:  # loaded when asked for, with words where it is missing
                continue
            if top in sys.stdlib_module_names or top in {"galviewer", "__future__", *OPTIONAL}:
                continue
            owners = {owner.lower().replace("_", "-") for owner in names.get(top, [top])}
            used[next(iter(owners & declared), top)] = f"{path}:{line}"
    assert {name: where for name, where in used.items() if name not in declared} == {}
    # astropy writes HDF5 through h5py without our naming it.
    assert declared - set(used) - {"h5py"} == set()
