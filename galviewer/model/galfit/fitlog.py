"""GALFIT's ``fit.log``: the parameters of the last fit in it, as the text of an input file.

The log gives few digits; the ``galfit.NN`` that it names has more.
"""

from __future__ import annotations

import re

from galviewer.errors import ModelError
from galviewer.model.galfit.objects import TYPES

_ENTRY = re.compile(r"\s*(?:(\w+)\s*:\s*)?(\w+)\s*:\s*([(\[{*].*)\Z")
_VALUE = re.compile(r"([\[{*]?)\s*([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?)")
_IMAGE = re.compile(r"\s*Input images?\s*:\s*(\S+?)\s*(\[\d+:\d+,\d+:\d+\])?\s*\Z")


def is_log(text: str) -> bool:
    """Whether a text is a ``fit.log``."""
    return re.search(r"^\s*Input images?\s*:", text, re.MULTILINE) is not None


def from_log(text: str, whose: str) -> tuple[str, tuple[str, ...]]:
    """The last fit of a log as an input file's text, and its lines that are not understood.

    Numbers in ``[ ]`` are held, those in ``{ }`` were coupled by a constraint and are free here.

    Raises
    ------
    ModelError
        If the log has no fit with components.
    """
    last = re.split(r"(?m)^(?=\s*Input images?\s*:)", text)[-1]
    lines: list[str] = []
    odd: list[str] = []
    bands: set[str | None] = set()
    for raw in last.splitlines():
        image = _IMAGE.match(raw)
        if image is not None:
            lines.append(f"A) {image[1]}{image[2] or ''}")
        entry = _ENTRY.match(raw)
        if entry is None:
            continue
        bands.add(entry[1])
        kind = TYPES.get(entry[2].lower())
        values = [(number, "0" if mark == "[" else "1") for mark, number in _VALUE.findall(entry[3])]
        if "," in entry[3].split(")")[0] and entry[3].startswith("["):  # one bracket for both of a centre
            values[1] = (values[1][0], "0")
        numbers = [] if kind is None else list(kind.parameters)
        if kind is not None and kind.name == "sky":
            numbers = [0, -1, *numbers]  # the place to which the level belongs comes first
        if kind is None or len(values) != len(numbers):
            odd.append(raw.strip())
            continue
        lines.append(f"0) {kind.name}")
        if kind.name != "sky":
            (x, free_x), (y, free_y) = values[:2]
            lines.append(f"1) {x} {y} {free_x} {free_y}")
        found = zip(numbers, values, strict=True)
        lines += [f"{n}) {value} {free}" for n, (value, free) in list(found)[2:]]
    if len(bands) > 1:
        names = ", ".join(sorted(str(band) for band in bands))
        raise ModelError(whose, f"has a fit of several bands: {names}", "one band")
    if not any(line.startswith("0)") for line in lines):
        raise ModelError(whose, "has no components of a fit", "a fit.log of GALFIT")
    return "\n".join(lines), tuple(odd)
