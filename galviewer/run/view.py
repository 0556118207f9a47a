"""A run directory as seen by a reader: no torch, no lock, also while the run goes on."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.errors import RunError
from galviewer.model import Model
from galviewer.products import GalaxyFit, blocks, tables
from galviewer.run.directory import RunDirectory
from galviewer.run.events import Event, read_events
from galviewer.run.neighbours import FITTED
from galviewer.run.settings import RunSettings, from_document

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.table import Table

STATES = ("running", "finished", "cancelled", "killed")
"""What `RunView.state` can be."""


class RunView:
    """A run directory, read on demand.

    Parameters
    ----------
    path : path
        The directory.

    Raises
    ------
    RunError
        If it is none.
    ModelError
        If its model uses a profile that is not known here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._directory = RunDirectory(self.path)
        self._document, model = self._directory.read_document()
        self.settings: RunSettings = from_document(self._document, model, self.path)

    @property
    def model(self) -> Model:
        """What was fitted; where each galaxy's model was chosen, the simplest of them."""
        return self.settings.model

    def model_of(self, name: str) -> Model:
        """The model of a row whose column `model` has this name; the run's own if it is not known.

        Neighbours, which vary from galaxy to galaxy, are not among its components; a block has them.
        """
        return next((model for model in self.settings.models if model.name == name), self.model)

    @property
    def folder(self) -> Path:
        """Where the galaxies lay when the run began."""
        return Path(self.settings.folder)

    @property
    def versions(self) -> dict[str, str]:
        """Versions the run began with."""
        return dict(self._document.get("versions", {}))

    @property
    def settings_hash(self) -> str:
        """Identifies model and settings; also in each block's header."""
        return str(self._document["run"]["settings_hash"])

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All galaxies of the run, done or not, in the folder's order."""
        return tuple(name for name, _, _ in self._directory.read_inputs())

    @property
    def state(self) -> str:
        """One of `STATES`; "killed" when nobody writes and the end was never reached."""
        if self._directory.busy():
            return "running"
        last = ""
        for event in self.events():
            if event.get("event") in ("start", "cancel", "end"):
                last = str(event["event"])
        return {"end": "finished", "cancel": "cancelled"}.get(last, "killed")

    @property
    def progress(self) -> tuple[int, int]:
        """Galaxies in finished parts, and all."""
        import pyarrow.parquet as parquet

        done = 0
        for path in self._directory.parts():
            with contextlib.suppress(OSError, ValueError):
                done += parquet.read_metadata(path).num_rows
        return done, len(self.names)

    def parts(self) -> list[Path]:
        """Parquet files of the catalogue that are complete now."""
        return self._directory.parts()

    def arrow(self) -> pa.Table:
        """The catalogue so far as an Arrow table with units and descriptions, in the folder's order.

        Raises
        ------
        RunError
            If no part is finished.
        """
        table = tables.read_parts(self.parts())
        order = {name: k for k, name in enumerate(self.names)}
        places = [order.get(name, len(order)) for name in table.column("name").to_pylist()]
        return table.take(np.argsort(places, kind="stable"))

    def neighbours(self) -> Table:
        """The neighbours fitted so far, one row each, with the name of their galaxy.

        Raises
        ------
        RunError
            If the run fits no neighbours, or no part is finished.
        """
        return tables.to_astropy(self.neighbours_arrow())

    def neighbours_arrow(self) -> pa.Table:
        """As `neighbours`, as an Arrow table.

        Raises
        ------
        RunError
            If the run fits no neighbours, or no part is finished.
        """
        if self.settings.neighbours not in FITTED:
            raise RunError(str(self.path), "fits no neighbours", "a run with --neighbours fit or auto")
        return tables.read_parts(self._directory.neighbour_parts())

    def catalogue(self) -> Table:
        """The catalogue so far as an astropy Table with units and descriptions, in the folder's order.

        Raises
        ------
        RunError
            If no part is finished.
        """
        return tables.to_astropy(self.arrow())

    def block(self, name: str) -> Path | None:
        """File of a galaxy's block; None if it has none (yet).

        Raises
        ------
        RunError
            If the run has no such galaxy.
        """
        if name not in self._known:
            raise RunError(str(self.path), f"has no galaxy {name!r}", "a name in inputs.csv")
        path = self._directory.block(name)
        return path if path.is_file() else None

    def fitted(self, name: str) -> GalaxyFit | None:
        """A galaxy's fit with data and images; None if it has no block (skipped, or not done).

        Raises
        ------
        RunError
            If the run has no such galaxy, or its block is damaged.
        """
        path = self.block(name)
        return None if path is None else blocks.read_block(path)

    def rows(self, *columns: str) -> dict[str, dict[str, Any]]:
        """Columns of the catalogue by galaxy; all if none is named. Empty while nothing is done.

        Raises
        ------
        RunError
            If a part is damaged.
        """
        if not self.parts():
            return {}
        table = self.arrow()
        chosen = table.select([*dict.fromkeys(("name", *columns))]) if columns else table
        return {row["name"]: row for row in chosen.to_pylist()}

    def events(self) -> list[Event]:
        """Everything that happened, oldest first."""
        return list(read_events(self._directory.events))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.names)


def open_run(path: str | Path) -> RunView:
    """Look at a run directory.

    Raises
    ------
    RunError
        If it is none.
    """
    return RunView(path)


def is_run(path: str | Path) -> bool:
    """Whether a directory holds a run."""
    return RunDirectory(path).planned
