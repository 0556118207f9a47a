"""What can be taken away from the screen: the galaxy's FITS block, the catalogue in every format.

No widgets: each function returns a file name and writes or returns the content.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from galviewer import flags
from galviewer.errors import InputError, RunError
from galviewer.products import GalaxyFit, blocks, catalogue, tables
from galviewer.products.files import file_name

if TYPE_CHECKING:
    import pyarrow as pa

    from galviewer.explorer.state import State

SUFFIX = {fmt: suffixes[0] for fmt, suffixes in tables.FORMATS.items()}
"""File name suffix of each catalogue format."""


def on_screen(state: State) -> GalaxyFit:
    """The model as the screen shows it: the fit itself, or the sliders' values without errors.

    Values that were moved since the fit (or never fitted) carry no errors and the flag ``not_converged``.

    Raises
    ------
    InputError
        If no galaxy is shown.
    """
    galaxy, scene, result = state.galaxy, state.scene, state.result
    if galaxy is None or scene is None:
        raise InputError("screen", "no galaxy is shown", remedy="choose one in the queue")
    values = np.array(state.values, float)
    fitted = result is not None and result.model == state.model and result.model_image is not None
    if result is not None and fitted and np.array_equal(values, result.parameters):
        return result
    degrees = max(scene.fixtures.used - len(state.model.free), 1)
    return GalaxyFit(
        name=state.name,
        model=state.model,
        parameters=values,
        errors=np.full(values.shape, np.nan),
        starts=values,
        chi2=float(scene.chi2),
        chi2_nu=float(scene.chi2) / degrees,
        n_pixels=scene.fixtures.used,
        n_free=len(state.model.free),
        iterations=0,
        seconds=0.0,
        flags=int(flags.Flag.NOT_CONVERGED) | galaxy.flags,
        galaxy=galaxy,
        model_image=np.asarray(scene.total, np.float32),
        component_images=np.asarray(scene.images, np.float32),
        message="set by hand, not fitted",
        psf_kind=str(getattr(state.settings, "psf_kind", "")) if galaxy.psf is not None else "",
    )


def write_block(state: State, folder: Path) -> Path:
    """Write the FITS block of what is on screen.

    Raises
    ------
    InputError
        If no galaxy is shown.
    RunError
        If the file cannot be written.
    """
    fit = on_screen(state)
    path = folder / f"{file_name(fit.name)}.fits"
    blocks.write_block(fit, path)
    return path


def write_catalogue(state: State, fmt: str, folder: Path) -> Path:
    """Write the catalogue: a run's finished parts, otherwise the fits of this session.

    Raises
    ------
    RunError
        If nothing has been fitted yet, or the file cannot be written.
    SettingsError
        If the format is unknown.
    """
    label = Path(state.source.run).name if state.source.run else state.source.label
    suffix = SUFFIX.get(fmt, f".{fmt}")
    return tables.export(rows(state), folder / f"{file_name(label)}{suffix}", fmt)


def rows(state: State) -> pa.Table:
    """The catalogue as an Arrow table; see `write_catalogue`.

    Raises
    ------
    RunError
        If nothing has been fitted yet.
    """
    if state.source.run:
        return tables.read_parts(sorted((Path(state.source.run) / "catalogue").glob("part-*.parquet")))
    fits = [fit for fit in state.results.values() if fit.model.columns == state.model.columns]
    if not fits:
        what = "nothing has been fitted with this model yet"
        raise RunError(state.source.label, what, remedy="press Fit, or run a batch")
    return tables.from_rows([catalogue.row(fit) for fit in fits], catalogue.columns(fits[0].model))


def content(state: State, what: str) -> tuple[str, bytes]:
    """File name and bytes for a download.

    Parameters
    ----------
    what : str
        "block", or a catalogue format.

    Raises
    ------
    GalviewerError
        As `write_block` and `write_catalogue`.
    """
    with tempfile.TemporaryDirectory(prefix="galviewer-") as folder:
        path = written(state, what, Path(folder))
        return path.name, path.read_bytes()


def written(state: State, what: str, folder: Path) -> Path:
    """Write it into a folder; returns the file.

    Raises
    ------
    GalviewerError
        As `write_block` and `write_catalogue`.
    """
    return write_block(state, folder) if what == "block" else write_catalogue(state, what, folder)
