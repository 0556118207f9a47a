"""The catalogue of a run that may still be running: its finished parts, sorted, filtered, page by page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from galviewer import flags
from galviewer.products import tables

FIRST = ("name", "flags", "chi2_nu", "snr", "bt")
LAST = ("message",)
"""Columns shown before and after the parameters."""

MAX_PAGE = 500
"""Rows sent to the browser at once, whatever it asks for."""


@dataclass(frozen=True)
class Page:
    """A slice of the table as text.

    Parameters
    ----------
    columns : tuple of str
        Column names; a parameter's error stands in its own cell.
    rows : tuple of tuple of str
        Cells.
    offset, total : int
        Place of the first row among all rows that pass the filter, and their number.
    """

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    offset: int = 0
    total: int = 0


class Results:
    """Rows of the parts a run has finished so far.

    Parameters
    ----------
    directory : Path
        Run directory; parts are ``catalogue/part-*.parquet``.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._parts: dict[tuple[str, int, int], pa.Table] = {}
        self._table: pa.Table | None = None
        self._columns: tuple[str, ...] = ()
        self._page: tuple[Any, Page] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """What the table shows: name, flags, quality, then every parameter that was fitted, last the message.

        A parameter without an error in any row was held fixed and is left out.
        """
        return self._columns

    @property
    def units(self) -> dict[str, str]:
        """Units of the columns shown; dimensionless ones are left out."""
        if self._table is None:
            return {}
        infos = {info.name: info.unit for info in tables.column_infos(self._table)}
        return {column: infos[column] for column in self.columns if infos.get(column)}

    def refresh(self) -> bool:
        """Read parts that are new; True if there were any (or some were replaced)."""
        parts: dict[tuple[str, int, int], pa.Table] = {}
        for path in sorted((self.directory / "catalogue").glob("part-*.parquet")):
            try:
                status = path.stat()
                key = (path.name, status.st_mtime_ns, status.st_size)
                parts[key] = self._parts[key] if key in self._parts else pq.read_table(path)
            except (OSError, pa.ArrowException):  # replaced this moment; the next look finds it
                continue
        if parts.keys() == self._parts.keys():
            return False
        self._parts = parts
        tables = list(parts.values())
        self._table = pa.concat_tables(tables, promote_options="default") if tables else None
        self._columns = _shown(self._table) if self._table is not None else ()
        self._page = None
        return True

    def page(
        self,
        offset: int = 0,
        limit: int = 100,
        sort: str = "",
        descending: bool = False,
        flag: str = "",
        search: str = "",
    ) -> Page:
        """Rows `offset` to `offset` + `limit` of those that pass the filter.

        Parameters
        ----------
        sort : str
            Column; unknown ones and "" leave the order of the parts. Missing values come last.
        flag : str
            Name of a flag the rows must have; "" for all.
        search : str
            Text the name must contain, whatever its case.
        """
        asked = (offset, limit, sort, descending, flag, search)
        if self._page is None or self._page[0] != asked:  # the page on screen asks for itself all the time
            self._page = (asked, self._slice(*asked))
        return self._page[1]

    def _slice(self, offset: int, limit: int, sort: str, descending: bool, flag: str, search: str) -> Page:
        """See `page`."""
        columns = self.columns
        if self._table is None or not columns:
            return Page()
        table = self._filtered(self._table, flag, search)
        if sort in columns:
            table = _sorted(table, sort, descending)
        limit = min(max(int(limit), 1), MAX_PAGE)
        offset = min(max(int(offset), 0), max(table.num_rows - 1, 0))
        rows = table.slice(offset, limit).to_pylist()
        cells = tuple(tuple(_cell(row, column) for column in columns) for row in rows)
        return Page(columns, cells, offset, table.num_rows)

    @staticmethod
    def _filtered(table: pa.Table, flag: str, search: str) -> pa.Table:
        """Rows with the flag whose names contain the text."""
        bits = {info.name: int(bit) for bit, info in flags.REGISTRY.items()}.get(flag, 0)
        if bits and "flags" in table.column_names:
            values = table["flags"].to_numpy().astype(np.int64)
            table = table.filter(pa.array((values & bits) != 0))
        if search:
            table = table.filter(pc.match_substring(table["name"], search, ignore_case=True))
        return table


def _shown(table: pa.Table) -> tuple[str, ...]:
    """See `Results.columns`."""
    have = set(table.column_names)
    fitted = [c for c in table.column_names if {f"{c}_err", f"{c}_init"} <= have]
    free = [c for c in fitted if pc.any(pc.is_finite(table[f"{c}_err"])).as_py()]
    return tuple(c for c in (*FIRST, *(free or fitted), *LAST) if c in have)


def _sorted(table: pa.Table, column: str, descending: bool) -> pa.Table:
    """Rows in the column's order, nan and nulls last in both directions."""
    values = table[column]
    if pa.types.is_floating(values.type):
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
    order = pc.sort_indices(
        pa.table({"key": values}),
        sort_keys=[("key", "descending" if descending else "ascending", "at_end")],
    )
    return table.take(order)


def _cell(row: dict[str, Any], column: str) -> str:
    """One cell as text."""
    value = row[column]
    if column == "flags":
        return ", ".join(flags.names(int(value or 0)))
    if isinstance(value, float):
        return with_error(value, row.get(f"{column}_err"))
    return "" if value is None else str(value)


def with_error(value: float | None, error: float | None = None) -> str:
    """A value rounded to its error's second digit, e.g. "12.34 ± 0.05"; five digits without an error.

    Parameters
    ----------
    value, error : float or None
        In the same unit; an error that is not finite counts as unknown.
    """
    if value is None or not math.isfinite(value):
        return "–"
    if error is None or not math.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = 1 - math.floor(math.log10(error))
    if 0 <= digits <= 8:
        return f"{value:.{digits}f} ± {error:.{digits}f}"
    if digits < 0 and abs(value) < 1e8:
        return f"{value:.0f} ± {error:.0f}"
    return f"{value:.5g} ± {error:.2g}"
