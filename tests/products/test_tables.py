"""Every format is written and read back, by galviewer and by astropy alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.table import QTable, Table

from galviewer import model as models
from galviewer.errors import RunError, SettingsError
from galviewer.products import catalogue, tables

SUFFIX = {"fits": "fits", "parquet": "parquet", "ecsv": "ecsv", "votable": "vot", "csv": "csv", "hdf5": "h5"}


@pytest.fixture
def table(make):
    rows = [catalogue.row(make(name=name)) for name in ("J1002+04", "=1+1", "NGC 1275 é", "-7", "'quoted'")]
    model = models.load("bulge+disk+sky")
    rows.append(catalogue.skipped_row("broken", model, 'the image "a" is truncated,\nsee log'))
    return tables.from_rows(rows, catalogue.columns(model))


def assert_same(found, expected):
    if np.ma.isMaskedArray(found):
        found = found.filled(math.nan) if found.dtype.kind == "f" else np.asarray(found)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("fmt", tables.FORMATS)
def test_formats_come_back_with_units_and_descriptions(fmt, table, tmp_path):
    path = tables.export(table, tmp_path / f"catalogue.{SUFFIX[fmt]}")
    back, expected = tables.read(path), tables.to_astropy(table)
    assert back.colnames == expected.colnames
    for name in expected.colnames:
        assert str(back[name].unit or "") == str(expected[name].unit or ""), name
        assert back[name].description == expected[name].description, name
        kind = expected[name].dtype.kind
        assert back[name].dtype.kind in {"U": "UO"}.get(kind, kind), name
        if expected[name].dtype.kind != "U":
            assert_same(back[name], expected[name])
    names = [str(name) for name in back["name"]]
    expected_names = list(expected["name"])
    if fmt == "fits":  # ASCII only
        expected_names[2] = "NGC 1275 \\xe9"
    assert names == expected_names
    QTable(back)  # the units are real ones
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("fmt", tables.FORMATS)
def test_astropy_alone_reads_every_format(fmt, table, tmp_path):
    path = tables.export(table, tmp_path / f"catalogue.{SUFFIX[fmt]}", fmt)
    if fmt == "parquet":
        pytest.importorskip("pandas")
    options = {"hdf5": {"path": "catalogue"}, "fits": {"hdu": 1}, "csv": {"format": "ascii.csv"}}
    back = Table.read(path, **options.get(fmt, {}))
    assert len(back) == table.num_rows
    assert_same(back["bulge_mag"], table["bulge_mag"].to_numpy())
    if fmt != "csv":
        assert str(back["bulge_pa"].unit) == "deg"
        assert "effective" in back["psf_kind"].description


@pytest.mark.parametrize("fmt", tables.FORMATS)
def test_an_empty_catalogue_can_be_written(fmt, table, tmp_path):
    path = tables.export(table.slice(0, 0), tmp_path / f"empty.{SUFFIX[fmt]}")
    back = tables.read(path)
    assert len(back) == 0
    assert back.colnames == table.column_names


def test_spreadsheets_see_text_not_formulas(table, tmp_path):
    path = tables.export(table, tmp_path / "catalogue.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[2].startswith("'=1+1,")
    assert lines[4].startswith("'-7,")
    assert lines[5].startswith("''quoted',")
    tables.columns_file(path).unlink()
    bare = tables.read(path)
    assert list(bare["name"][:2]) == ["J1002+04", "=1+1"]
    assert bare["flags"].dtype.kind == "i"


def test_parts_keep_units_and_descriptions(table, make, tmp_path):
    infos = catalogue.columns(models.load("bulge+disk+sky"))
    for k in range(2):
        tables.write_part([catalogue.row(make(name=f"g{k}"))], infos, tmp_path / f"part-{k:05d}.parquet")
    whole = tables.read_parts(sorted(tmp_path.glob("part-*.parquet")))
    assert whole["name"].to_pylist() == ["g0", "g1"]
    assert tables.column_infos(whole) == infos
    field = whole.schema.field("bulge_mu_eff")
    assert field.metadata[b"unit"] == b"mag / arcsec2"


def test_parts_are_readable_by_duckdb(make, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    tables.write_part(
        [catalogue.row(make("sersic"))], catalogue.columns(models.load("sersic")), tmp_path / "part-0.parquet"
    )
    found = duckdb.sql(f"select name, sersic_mag from read_parquet('{tmp_path}/part-*.parquet')").fetchall()
    assert found == [("J1002+04", 17.0)]


def test_problems_are_told(table, tmp_path):
    with pytest.raises(SettingsError, match="no suffix of a known format"):
        tables.export(table, tmp_path / "catalogue.doc")
    with pytest.raises(SettingsError, match="one of fits, parquet"):
        tables.export(table, tmp_path / "catalogue", "xls")
    with pytest.raises(RunError, match="lies in no folder"):
        tables.export(table, tmp_path / "no" / "catalogue.csv")
    path = tables.export(table, tmp_path / "catalogue.csv")
    with pytest.raises(RunError, match="exists already"):
        tables.export(table, path, overwrite=False)
    with pytest.raises(RunError, match="no parts yet"):
        tables.read_parts([])
    broken = tmp_path / "part-00000.parquet"
    broken.write_bytes(b"PAR1 nothing")
    with pytest.raises(RunError, match="not a readable part"):
        tables.read_parts([broken])
    with pytest.raises(RunError, match="not found"):
        tables.read(tmp_path / "missing.fits")


def test_a_failed_export_leaves_the_old_file(table, tmp_path, monkeypatch):
    path = tables.export(table, tmp_path / "catalogue.fits")
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(tables._WRITERS, "fits", full)
    with pytest.raises(RunError, match="the disk is full"):
        tables.export(table, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["catalogue.fits"]
