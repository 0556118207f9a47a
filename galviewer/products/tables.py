"""Catalogues as files: Parquet parts while a run goes on, and exports in six formats.

Inside galviewer a catalogue is an Arrow table whose fields carry ``unit`` and ``description``.
`to_astropy` gives an astropy Table that turns into a QTable; `export` writes one and `read` gives it back.
"""

from __future__ import annotations

import csv
import functools
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from galviewer.errors import RunError, SettingsError
from galviewer.products.catalogue import ColumnInfo
from galviewer.products.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

FORMATS = {
    "fits": (".fits", ".fit", ".fits.gz"),
    "parquet": (".parquet", ".parq"),
    "ecsv": (".ecsv",),
    "votable": (".vot", ".votable", ".xml"),
    "csv": (".csv",),
    "hdf5": (".h5", ".hdf5", ".hdf"),
}
"""Export formats and the suffixes they are known by."""

HDF5_PATH = "catalogue"
"""Data set of the table inside an HDF5 file."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DTYPES: dict[str, Any] = {"text": str, "float": np.float64, "int": np.int64}


def from_rows(rows: Iterable[dict[str, Any]], infos: Sequence[ColumnInfo]) -> pa.Table:
    """An Arrow table of `rows`, with unit and description of every column.

    Parameters
    ----------
    rows : iterable of dict
        From `catalogue.row`; keys that are no column are left out.
    infos : sequence of ColumnInfo
        From `catalogue.columns`.
    """
    import pyarrow as pa

    rows = list(rows)
    return pa.table(
        {info.name: [row[info.name] for row in rows] for info in infos}, schema=schema(tuple(infos))
    )


@functools.lru_cache(maxsize=8)
def schema(infos: tuple[ColumnInfo, ...]) -> pa.Schema:
    """Arrow schema in which each field's metadata holds ``unit`` and ``description``."""
    import pyarrow as pa

    types = {"text": pa.string(), "float": pa.float64(), "int": pa.int64()}
    fields = [
        pa.field(i.name, types[i.dtype], metadata={"unit": i.unit, "description": i.description})
        for i in infos
    ]
    return pa.schema(fields)


def column_infos(table: pa.Table) -> tuple[ColumnInfo, ...]:
    """The columns of an Arrow table with the units and descriptions it carries."""
    import pyarrow as pa

    infos = []
    for field in table.schema:
        known = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        dtype = (
            "float"
            if pa.types.is_floating(field.type)
            else "int"
            if pa.types.is_integer(field.type)
            else "text"
        )
        infos.append(ColumnInfo(field.name, known.get("unit", ""), known.get("description", ""), dtype))
    return tuple(infos)


def write_part(rows: Iterable[dict[str, Any]], infos: Sequence[ColumnInfo], path: Path) -> None:
    """One Parquet part of a run's catalogue, there completely or not at all.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    import pyarrow.parquet as parquet

    table = from_rows(rows, infos)
    with replacing(path) as partial:
        parquet.write_table(table, str(partial))


def read_parts(paths: Sequence[Path]) -> pa.Table:
    """The parts of a catalogue as one Arrow table, in the order given.

    Raises
    ------
    RunError
        If a part is damaged or there is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    if not paths:
        raise RunError(
            "catalogue", "has no parts yet", "at least one finished part", "wait for the run, or resume it"
        )
    tables = []
    for path in paths:
        try:
            tables.append(parquet.ParquetFile(path).read())
        except (OSError, pa.ArrowException) as error:
            raise RunError(
                str(path),
                f"is not a readable part ({error})",
                "a Parquet file",
                "delete it and resume the run",
            ) from error
    return pa.concat_tables(tables)


def to_astropy(table: pa.Table) -> Table:
    """An astropy Table with units and descriptions; ``QTable(...)`` of it works.

    Notes
    -----
    "image unit" is no unit that astropy knows: such columns have none and say so in their description.
    """
    from astropy.table import Column, Table

    columns = []
    for info in column_infos(table):
        values = table.column(info.name)
        data = np.array(values.to_pylist(), dtype=str) if info.dtype == "text" else values.to_numpy()
        unit, description = _astropy_unit(info)
        data = np.array(data, dtype=_DTYPES[info.dtype])
        columns.append(Column(data, name=info.name, unit=unit, description=description))
    return Table(columns)


def export(table: pa.Table, path: str | Path, fmt: str | None = None, overwrite: bool = True) -> Path:
    """Write a catalogue in one of `FORMATS`.

    Parameters
    ----------
    table : pyarrow.Table
        From `read_parts` or `from_rows`.
    path : path
        File to write; replaced only once the new one is complete.
    fmt : str, optional
        A key of `FORMATS`; by default what the suffix says.
    overwrite : bool
        False refuses to replace a file.

    Returns
    -------
    Path
        The file written. CSV has a second one beside it, ``NAME.columns.csv``, with units and descriptions.

    Raises
    ------
    SettingsError
        If the format is unknown.
    RunError
        If the file exists and may not be replaced, or cannot be written.
    """
    path = Path(path)
    fmt = format_of(path) if fmt is None else fmt
    if fmt not in _WRITERS:
        raise SettingsError("format", repr(fmt), "one of " + ", ".join(FORMATS))
    if path.exists() and not overwrite:
        raise RunError(str(path), "exists already", "a new file", "choose another name or allow overwriting")
    with replacing(path) as partial:
        _WRITERS[fmt](table, partial)
    if fmt == "csv":
        _write_column_list(column_infos(table), columns_file(path))
    return path


def read(path: str | Path, fmt: str | None = None) -> Table:
    """A catalogue written by `export`, as an astropy Table with units and descriptions.

    Raises
    ------
    SettingsError
        If the format is unknown.
    RunError
        If the file cannot be read as that format.
    """
    path = Path(path)
    fmt = format_of(path) if fmt is None else fmt
    if fmt not in FORMATS:
        raise SettingsError("format", repr(fmt), "one of " + ", ".join(FORMATS))
    from astropy.table import Table

    if not path.is_file():
        raise RunError(str(path), "not found", f"a catalogue in {fmt}")
    if fmt == "parquet":
        return to_astropy(read_parts([path]))
    if fmt == "csv":
        return _read_csv(path)
    options: dict[str, Any] = {
        "hdf5": {"path": HDF5_PATH, "character_as_bytes": False},
        "fits": {"hdu": 1},
    }.get(fmt, {})
    names = {"ecsv": "ascii.ecsv"}
    table: Any = Table.read(path, format=names.get(fmt, fmt), **options)
    table.convert_bytestring_to_unicode()
    for column in table.itercols():
        if column.description:  # VOTable breaks long lines
            column.description = " ".join(column.description.split())
    return table


def format_of(path: str | Path) -> str:
    """The export format that a file name's suffix means.

    Raises
    ------
    SettingsError
        If the suffix belongs to no format.
    """
    name = Path(path).name.lower()
    for fmt, suffixes in FORMATS.items():
        if name.endswith(suffixes):
            return fmt
    known = ", ".join(suffix for suffixes in FORMATS.values() for suffix in suffixes)
    raise SettingsError(str(path), "has no suffix of a known format", known, "name the format with --format")


def columns_file(path: Path) -> Path:
    """Where the units and descriptions of a CSV catalogue are written."""
    return path.with_name(path.name.removesuffix(".csv") + ".columns.csv")


def _astropy_unit(info: ColumnInfo) -> tuple[str | None, str]:
    """The unit astropy is told, and the description that makes up for what it cannot be told."""
    if "image unit" in info.unit:
        return None, f"{info.description} [{info.unit}]"
    return info.unit or None, info.description


def _write_fits(table: pa.Table, path: Path) -> None:
    """A binary table; descriptions in TCOMMn for other programs and in astropy's own way for astropy."""
    from astropy.io import fits

    flat: Any = to_astropy(table)
    for name in flat.colnames:
        if flat[name].dtype.kind == "U":  # FITS knows ASCII only
            flat[name] = _ascii(flat[name])
    flat.write(path, format="fits")
    with fits.open(path, mode="update") as hdus:
        hdu: Any = hdus[1]
        for k, column in enumerate(flat.itercols(), start=1):
            hdu.header.set(f"TCOMM{k}", column.description, after=f"TFORM{k}")
        hdu.name = "CATALOGUE"


def _ascii(column: Any) -> Any:
    r"""Text as ASCII, other characters as ``\xe9`` escapes."""
    escaped = [str(text).encode("ascii", "backslashreplace").decode() for text in column]
    return type(column)(escaped, name=column.name, description=column.description, dtype=str)


def _write_parquet(table: pa.Table, path: Path) -> None:
    """Parquet that pyarrow, DuckDB, pandas and astropy's own reader all understand."""
    import pyarrow.parquet as parquet
    from astropy.table import meta

    flat: Any = to_astropy(table)
    texts = [column for column in flat.itercols() if column.dtype.kind == "U"]
    astropy_metadata = {f"table::len::{column.name}": str(column.dtype.itemsize // 4) for column in texts}
    astropy_metadata["table_meta_yaml"] = "\n".join(meta.get_yaml_from_table(flat))
    parquet.write_table(table.replace_schema_metadata(astropy_metadata), path)


def _write_ecsv(table: pa.Table, path: Path) -> None:
    to_astropy(table).write(path, format="ascii.ecsv", delimiter=",")


def _write_votable(table: pa.Table, path: Path) -> None:
    to_astropy(table).write(path, format="votable")


def _write_hdf5(table: pa.Table, path: Path) -> None:
    to_astropy(table).write(path, format="hdf5", path=HDF5_PATH, serialize_meta=True)


def _write_csv(table: pa.Table, path: Path) -> None:
    """CSV for spreadsheets: text that a spreadsheet would take for a formula starts with an apostrophe."""
    columns = []
    for info in column_infos(table):
        values = table.column(info.name).to_pylist()
        columns.append(
            [_guarded(v) for v in values] if info.dtype == "text" else [_number(v) for v in values]
        )
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows(zip(*columns, strict=True))


def _guarded(text: str) -> str:
    return "'" + text if text.startswith(_FORMULA) or text.startswith("'") else text


def _number(value: float | int) -> str:
    return "nan" if isinstance(value, float) and math.isnan(value) else repr(value)


def _write_column_list(infos: Sequence[ColumnInfo], path: Path) -> None:
    with replacing(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(ColumnInfo._fields)
        writer.writerows(infos)


def _read_csv(path: Path) -> Table:
    """The CSV with what its column list knows; without the list, numbers and text are told by looking."""
    from astropy.table import Column, Table

    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    infos = {info.name: info for info in _read_column_list(columns_file(path))}
    columns = []
    for k, name in enumerate(header):
        cells = [row[k] for row in rows]
        info = infos.get(name) or ColumnInfo(name, "", "", _looks_like(cells))
        if info.dtype == "text":
            cells = [cell[1:] if cell.startswith("'") else cell for cell in cells]
        unit, description = _astropy_unit(info)
        data = np.array(cells, dtype=_DTYPES[info.dtype])
        columns.append(Column(data, name=name, unit=unit, description=description or None))
    return Table(columns)


def _read_column_list(path: Path) -> list[ColumnInfo]:
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [ColumnInfo(**cast(dict[str, Any], row)) for row in csv.DictReader(file)]


def _looks_like(cells: list[str]) -> Any:
    for dtype, convert in (("int", int), ("float", float)):
        try:
            for cell in cells:
                convert(cell)
        except ValueError:
            continue
        return dtype
    return "text"


_WRITERS: dict[str, Callable[[pa.Table, Path], None]] = {
    "fits": _write_fits,
    "parquet": _write_parquet,
    "ecsv": _write_ecsv,
    "votable": _write_votable,
    "csv": _write_csv,
    "hdf5": _write_hdf5,
}
