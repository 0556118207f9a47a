"""GALFIT's input files as lines and objects; nothing is interpreted here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from galviewer.errors import ModelError

_LINE = re.compile(r"\s*([A-Za-z]{0,1}\d{0,2}|T[io])\)\s*([^#]*)(?:#.*)?\Z")
_HEADING = re.compile(r"\s*#\s*(?:Component|Object) number:?\s*(\d+)\s*(?:\(([A-Za-z][A-Za-z0-9]*)\))?")


@dataclass(frozen=True)
class Line:
    """``key) words # comment``, with its number in the file."""

    number: int
    key: str
    words: tuple[str, ...]
    text: str


@dataclass
class Block:
    """One object of the list: its lines by key, and the name galviewer gave it."""

    line: int
    kind: str = ""
    name: str = ""
    lines: dict[str, Line] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """All of its lines as they stand in the file."""
        return "\n".join(line.text for line in self.lines.values())


def split(text: str, whose: str) -> tuple[list[Line], list[Block]]:
    """The control parameters and the objects of a file.

    Raises
    ------
    ModelError
        If a line is neither ``key) value`` nor a comment.
    """
    control: list[Line] = []
    blocks: list[Block] = []
    name = ""
    for number, raw in enumerate(text.splitlines(), start=1):
        heading = _HEADING.match(raw)
        if heading is not None:
            name = heading[2] or ""
        if not raw.strip() or raw.lstrip().startswith(("#", "=")):
            continue
        found = _LINE.match(raw)
        if found is None or not found[1]:
            raise ModelError(
                f"{whose} line {number}",
                f"is '{raw.strip()}'",
                "key) value, such as '3) 20.0 1', or a comment",
            )
        line = Line(number, found[1], tuple(found[2].split()), raw.rstrip())
        if line.key in ("0", "T0"):
            kind = line.words[0].lower() if line.words else ""
            kind = f"truncation {kind}" if line.key == "T0" else kind
            blocks.append(Block(number, kind, name))
            name = ""
        if not blocks:
            control.append(line)
        elif line.key in blocks[-1].lines:
            raise ModelError(
                f"{whose} line {number}", f"has {line.key}) a second time in one object", "each key once",
                "begin the next object with 0)",
            )  # fmt: skip
        else:
            blocks[-1].lines[line.key] = line
    return control, blocks


def number(word: str, line: Line, whose: str) -> float:
    """A word as a number.

    Raises
    ------
    ModelError
        If it is none, or several bands' (``1,2,3``).
    """
    if "," in word.strip(","):
        raise ModelError(
            f"{whose} line {line.number}", f"has values of several bands: '{word}'", "one band",
            "galviewer fits one image at a time; write one file per band",
        )  # fmt: skip
    try:
        return float(word.replace("D", "e").replace("d", "e"))
    except ValueError:
        raise ModelError(
            f"{whose} line {line.number}", f"has '{word}' in '{line.text.strip()}'", "a number"
        ) from None
