"""A table of paths to entries: CSV, ECSV or FITS, one row per galaxy.

Columns, case does not matter: ``name`` (or ``id``, ``object``), ``image``, ``sigma``, ``ivar``,
``psf``, ``mask``, ``seg`` (paths, relative to the table; ``file.fits[EXT]`` is allowed), and values
``x``, ``y`` (0-based pixels), ``zeropoint``, ``pixel_scale``, ``gain``, ``read_noise``,
``sky_level``, ``target`` (label in the segmentation map). Of the others, ``<column>`` or ``<column>_init``
are start values and ``<column>_lower``, ``<column>_upper`` bounds of the parameter with that name in the
catalogue, such as ``sersic_n_upper``; the rest is ignored. Without an ``image``
column the rows add their values to the folder's files of the same name, and choose among them.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

from galviewer.errors import SettingsError
from galviewer.survey.entry import Entry
from galviewer.survey.files import UNREADABLE, split_extension, stem
from galviewer.survey.problem import Problem
from galviewer.survey.settings import ROLES

TABLE_SUFFIXES = (".csv", ".ecsv", ".fits", ".fit")
NAMES = ("name", "id", "object", "galaxy")
NUMBERS = ("x", "y", "zeropoint", "pixel_scale", "gain", "read_noise", "sky_level", "target")
GIVEN = ("_init", "_lower", "_upper")
SYNONYMS = {
    "zp": "zeropoint",
    "magzp": "zeropoint",
    "weight": "ivar",
    "rdnoise": "read_noise",
    "targseg": "target",
}


def read_rows(table: Path) -> tuple[list[Entry], list[Problem]]:
    """Entries of a table; a bad row becomes a problem.

    Raises
    ------
    SettingsError
        The table cannot be read, or has neither a name nor an image column.
    """
    try:
        rows = _csv(table) if table.suffix.lower() == ".csv" else _astropy(table)
    except UNREADABLE as error:
        raise SettingsError(str(table), f"cannot be read ({error})", "a CSV, ECSV or FITS table") from error
    columns = set(rows[0]) if rows else set()
    if not columns & {"image", *NAMES}:
        raise SettingsError(
            str(table),
            f"has the columns {', '.join(sorted(columns)) or 'none'}",
            "at least 'image' or 'name'",
        )
    entries: list[Entry] = []
    problems: list[Problem] = []
    for number, row in enumerate(rows, start=1):
        name = next((str(row[key]).strip() for key in NAMES if not _empty(row.get(key))), "")
        if not name and not _empty(row.get("image")):
            name = Path(stem(str(row["image"])) or str(row["image"])).name
        if not name:
            problems.append(Problem(f"{table.name} row {number}", "error", "has neither name nor image"))
            continue
        try:
            entries.append(_entry(name, row, table.parent))
        except ValueError as error:
            problems.append(
                Problem(name, "error", f"row {number} of {table.name}: {error}", "a number", "mend the table")
            )
    return entries, problems


def _csv(table: Path) -> list[dict[str, Any]]:
    """Rows of a CSV file, keys in lower case."""
    with table.open(newline="", encoding="utf-8-sig") as stream:
        lines = (line for line in stream if line.strip() and not line.startswith("#"))
        return [{_key(key): value for key, value in row.items() if key} for row in csv.DictReader(lines)]


def _astropy(table: Path) -> list[dict[str, Any]]:
    """Rows of an ECSV or FITS table, keys in lower case."""
    from astropy.table import Table

    kind = "ascii.ecsv" if table.suffix.lower() == ".ecsv" else "fits"
    data = Table.read(table, format=kind)
    return [{_key(key): _plain(row[key]) for key in data.colnames} for row in data]


def _key(column: str) -> str:
    """Column name in our words."""
    lower = column.strip().lower()
    return SYNONYMS.get(lower, lower)


def _plain(value: Any) -> Any:
    """A table cell as a Python value, None where masked."""
    if getattr(value, "mask", False):
        return None
    value = value.item() if hasattr(value, "item") else value
    return value.decode() if isinstance(value, bytes) else value


def _empty(value: Any) -> bool:
    """Whether a cell says nothing."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or not str(value).strip()


def _entry(name: str, row: dict[str, Any], folder: Path) -> Entry:
    """One row as an entry; ValueError for a cell that is no number."""
    paths = {role: _path(folder, str(row[role]).strip()) for role in ROLES if not _empty(row.get(role))}
    values: dict[str, float | None] = {}
    for key in NUMBERS:
        if not _empty(row.get(key)):
            try:
                values[key] = float(row[key])
            except (TypeError, ValueError):
                raise ValueError(f"{key} is '{row[key]}'") from None
    target = values.pop("target", None)
    given = {key: number for key, cell in row.items() if (number := _number(key, cell)) is not None}
    return Entry(name, paths, target=None if target is None else int(target), given=given, **values)


def _number(key: str, cell: Any) -> float | None:
    """The number in any other cell, None without one; ValueError if it should be a start value or bound."""
    if key in (*ROLES, *NUMBERS, *NAMES) or _empty(cell):
        return None
    try:
        return float(cell)
    except (TypeError, ValueError):
        if key.endswith(GIVEN):
            raise ValueError(f"{key} is '{cell}'") from None
        return None


def _path(folder: Path, given: str) -> str:
    """A path relative to the table."""
    path = folder / given
    if not split_extension(path)[0].is_file() and split_extension(given)[0].is_file():
        return given
    return str(path)
