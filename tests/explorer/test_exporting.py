"""What the Export menu writes, without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from galviewer import flags
from galviewer.errors import GalviewerError, RunError
from galviewer.explorer import exporting
from galviewer.explorer.source import open_source
from galviewer.explorer.state import State
from galviewer.products import blocks, tables


@pytest.fixture(scope="module")
def fitted(few: Path) -> State:
    state = State(open_source(few), "sersic+sky")
    state.select("gv01")
    state.fit(wait=True)
    state.select("gv02")
    state.fit(wait=True)
    return state


def test_fit_on_screen_is_exported_as_it_is(fitted: State, tmp_path: Path):
    fitted.select("gv02")
    assert exporting.on_screen(fitted) is fitted.result
    fit = blocks.read_block(exporting.write_block(fitted, tmp_path))
    assert fitted.result is not None
    np.testing.assert_array_equal(fit.parameters, fitted.result.parameters)
    np.testing.assert_array_equal(fit.errors, fitted.result.errors)


def test_moved_sliders_are_exported_without_errors_and_say_so(few: Path):
    state = State(open_source(few), "sersic+sky")
    state.select("gv03")
    state.fit(wait=True)
    fitted = exporting.on_screen(state)
    state.set_value("sersic_q", 0.5)
    moved = exporting.on_screen(state)
    assert moved.value("sersic_q") == pytest.approx(0.5)
    assert np.isnan(moved.errors).all()
    assert moved.flags & flags.Flag.NOT_CONVERGED
    assert not fitted.flags & flags.Flag.NOT_CONVERGED
    assert moved.chi2 > fitted.chi2
    assert moved.model_image is not None
    np.testing.assert_allclose(moved.component_images.sum(axis=0), moved.model_image, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("fmt", sorted(tables.FORMATS))
def test_catalogue_of_the_session_in_every_format(fitted: State, tmp_path: Path, fmt: str):
    path = exporting.write_catalogue(fitted, fmt, tmp_path)
    table = tables.read(path, fmt)
    assert [str(name) for name in table["name"]] == ["gv01", "gv02"]
    assert np.isfinite(np.asarray(table["sersic_mag_err"], float)).all()


def test_download_is_the_file(fitted: State, tmp_path: Path):
    name, content = exporting.content(fitted, "ecsv")
    assert content == exporting.write_catalogue(fitted, "ecsv", tmp_path).read_bytes()
    assert name == "galaxies.ecsv"


def test_nothing_fitted_or_wrong_format_is_said(few: Path, fitted: State, tmp_path: Path):
    state = State(open_source(few), "sersic")
    state.select("gv01")
    with pytest.raises(RunError):
        exporting.write_catalogue(state, "fits", tmp_path)
    with pytest.raises(GalviewerError):
        exporting.write_catalogue(fitted, "xls", tmp_path)
    assert list(tmp_path.iterdir()) == []
