"""Every module, public class and public function says what it is; files and functions stay readable."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def public_definitions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public functions and classes of a module, and the public methods of the latter."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (m for m in node.body if isinstance(m, kinds) and not m.name.startswith("_"))


def undocumented(tree: ast.Module, path: str) -> list[str]:
    """Names in a module that lack a docstring or, for functions, the type of what they return."""
    found = [] if ast.get_docstring(tree) else [f"{path}: no module docstring"]
    for node in public_definitions(tree):
        if not ast.get_docstring(node):
            found.append(f"{path}:{node.lineno} {node.name}: no docstring")
        if not isinstance(node, ast.ClassDef) and node.returns is None:
            found.append(f"{path}:{node.lineno} {node.name}: no return type")
    return found


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    doc = ast.get_docstring(node, clean=False)
    return (node.end_lineno or node.lineno) - node.lineno + 1 - (doc.count("\n") + 1 if doc else 0)


def test_everything_public_is_documented(sources: dict[str, ast.Module]) -> None:
    """No public name without a docstring and a return type."""
    assert [line for path, tree in sources.items() for line in undocumented(tree, path)] == []


def test_an_undocumented_function_is_found() -> None:
    """The rule fails on a planted module."""
    planted = "def f():\n    return 1\nclass C:\n    'Doc.'\n    def m(self) -> int:\n        return 1\n"
    assert len(undocumented(ast.parse(planted), "planted.py")) == 4


def test_files_and_functions_stay_short(sources: dict[str, ast.Module], root: Path) -> None:
    """No file over 400 lines, no function over 60 without its docstring."""
    found = []
    for path, tree in sources.items():
        lines = (root / "galviewer" / path).read_text("utf-8").count("\n")
        if lines > LONGEST_FILE:
            found.append(f"{path}: {lines} lines")
        functions = (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
        found += [f"{path}:{n.lineno} {n.name}: {body_lines(n)} lines" for n in functions
                  if body_lines(n) > LONGEST_FUNCTION]
    assert found == []


def test_every_flag_has_a_sentence_and_advice() -> None:
    """A flag without words is of no use in a catalogue."""
    from galviewer import flags

    bits = [flag for flag in flags.Flag if flag]
    assert set(flags.REGISTRY) == set(bits)
    for flag in bits:
        info = flags.REGISTRY[flag]
        assert info.sentence.strip(), flag
        assert info.advice.strip(), flag


def test_no_page_names_a_private_place(root: Path) -> None:
    """Code and pages hold no absolute path of somebody's machine."""
    pages = [*root.glob("*.md"), *root.glob("docs/**/*.md"), *root.glob("galviewer/**/*.py")]
    words = ("/" + "work/", "/" + "root/", "/" + "home/")
    found = [f"{page.name}: {word}" for page in pages for word in words if word in page.read_text("utf-8")]
    assert found == []


def test_flags_and_columns_are_on_their_pages(root: Path) -> None:
    """The pages say what the code says; ``python docs/make_tables.py`` writes them again."""
    spec = importlib.util.spec_from_file_location("make_tables", root / "docs" / "make_tables.py")
    assert spec is not None
    assert spec.loader is not None
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    for name, page in tables.PAGES.items():
        assert (root / "docs" / name).read_text("utf-8") == page(), f"{name}: run python docs/make_tables.py"


def test_every_column_of_every_template_is_described() -> None:
    """No catalogue column without words, and none without a unit that has one."""
    from galviewer import model
    from galviewer.products import catalogue

    for name in model.TEMPLATES:
        for info in catalogue.columns(model.template(name)):
            assert info.description.strip(), f"{name}: {info.name}"
            assert info.description.isascii(), f"{name}: {info.name} cannot go into a FITS header"
