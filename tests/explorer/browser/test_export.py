"""What leaves the screen: downloads are read back with astropy, the figure with Pillow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from harness import Screen, explorer
from PIL import Image


@pytest.fixture(scope="module")
def address(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with explorer(few, tmp_path_factory.mktemp("server") / "log", "--model=sersic+sky") as url:
        yield url


@pytest.fixture
def fitted(browser, address: str) -> Iterator[Screen]:
    """The first galaxy, fitted, with the Export menu open."""
    screen = Screen(browser, address)
    screen.part("fit").click()
    cell = screen.page.locator('[data-test="parameter"][data-column="sersic_mag"] .err')
    screen.until(lambda: cell.count() == 1 and "±" in cell.inner_text(), "fitted")
    screen.part("export").click()
    screen.part("export-menu").wait_for()
    yield screen
    screen.close()


def downloaded(screen: Screen, button: str, folder: Path) -> Path:
    """Press a button of the menu and keep what it downloads."""
    with screen.page.expect_download() as waiting:
        screen.part(f"export-{button}").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_block_holds_what_the_screen_shows(fitted: Screen, few: Path, tmp_path: Path):
    path = downloaded(fitted, "block", tmp_path)
    assert path.name == "gv01.fits"
    with fits.open(path) as hdus, fits.open(next(few.glob("gv01_image*"))) as original:
        hdus.verify("exception")
        assert hdus[0].data is None
        image = next(hdu.data for hdu in original if hdu.data is not None)
        np.testing.assert_array_equal(hdus["DATA"].data, image)
        model, residual = hdus["MODEL"].data, hdus["RESIDUAL"].data
        np.testing.assert_allclose(residual, hdus["DATA"].data - model, atol=1e-5 * np.abs(image).max())
        parts = hdus["SERSIC"].data + hdus["SKY"].data
        np.testing.assert_allclose(parts, model, rtol=1e-4, atol=1e-5 * model.max())
        table = {row["name"]: row for row in hdus["PARAMETERS"].data}
    row = table["sersic_mag"]
    values = {key.lower(): row[key] for key in row.array.names}
    assert values["value"] == pytest.approx(fitted.value("sersic_mag"), abs=2e-3)
    assert 0 < values["error"] < 0.2


@pytest.mark.parametrize(
    ("button", "suffix", "reader"),
    [("fits", ".fits", "fits"), ("ecsv", ".ecsv", "ascii.ecsv"), ("votable", ".vot", "votable")],
)
def test_catalogue_of_the_session_reads_back(fitted: Screen, tmp_path: Path, button, suffix, reader):
    path = downloaded(fitted, f"catalogue-{button}", tmp_path)
    assert path.suffix == suffix
    table = Table.read(path, format=reader)
    assert list(table["name"]) == ["gv01"]
    assert float(table["sersic_mag"][0]) == pytest.approx(fitted.value("sersic_mag"), abs=2e-3)
    assert 0 < float(table["sersic_mag_err"][0]) < 0.2


def test_files_can_be_written_into_a_folder(fitted: Screen, tmp_path: Path):
    fitted.part("export-folder").fill(str(tmp_path))
    for button, name in (
        ("block", "gv01.fits"),
        ("catalogue-parquet", "galaxies.parquet"),
        ("catalogue-hdf5", "galaxies.h5"),
    ):
        fitted.part(f"export-{button}").click()
        fitted.until(lambda name=name: name in fitted.part("export-note").inner_text(), f"{name} reported")
        assert (tmp_path / name).stat().st_size > 500
    fitted.part("export-folder").fill(str(tmp_path / "nowhere"))
    fitted.part("export-block").click()
    fitted.until(
        lambda: "is not a folder" in fitted.part("export-note").inner_text(), "wrong folder reported"
    )


def test_figure_shows_the_plots(fitted: Screen, tmp_path: Path):
    path = downloaded(fitted, "figure", tmp_path)
    assert path.name == "gv01.png"
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGB"), float)
    assert pixels.shape[0] > 600
    assert pixels.shape[1] > 700
    assert pixels.std() > 20
    assert len(np.unique(pixels[::4, ::4].reshape(-1, 3), axis=0)) > 200
