"""The Export menu in the top bar: downloads through the browser, or files written into a folder."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

import param

from galviewer.errors import GalviewerError, SettingsError
from galviewer.explorer import exporting
from galviewer.explorer.component import Component, static

if TYPE_CHECKING:
    from galviewer.explorer.state import State

PIECE = 1_500_000
"""Bytes per message: large files travel in pieces, so that sliders stay alive in between."""

LARGEST = 400_000_000
"""Bytes a browser is given; larger catalogues are written into a folder."""

_TITLES = {
    "fits": "FITS",
    "parquet": "Parquet",
    "ecsv": "ECSV",
    "votable": "VOTable",
    "csv": "CSV",
    "hdf5": "HDF5",
}


class ExportMenu(Component):
    """Button and pop-up; `build` makes one.

    Parameters
    ----------
    state : State
        The session whose content is exported.
    """

    formats = param.List(default=[])
    note = param.Dict(default={})

    _esm = static("shared.js", "export_menu.js")
    _stylesheets = [static("base.css", "export_menu.css")]

    def __init__(self, state: State, **params: Any) -> None:
        self._state = state
        formats = [[fmt, _TITLES.get(fmt, fmt)] for fmt in exporting.SUFFIX]
        super().__init__(formats=formats, **params)

    def _handle_msg(self, data: dict[str, Any]) -> None:
        """Export what was asked for; what goes wrong is said in the menu."""
        what, folder = str(data.get("what", "")), str(data.get("folder", "")).strip()
        if what != "block" and what not in exporting.SUFFIX:
            return
        try:
            self.note = {"kind": "info", "text": self._export(what, folder)}
        except GalviewerError as error:
            self.note = {"kind": "error", "text": str(error)}
        except OSError as error:
            self.note = {"kind": "error", "text": f"{error.filename or 'file'}: {error.strerror}"}

    def _export(self, what: str, folder: str) -> str:
        """Send or write the file; returns what happened in words."""
        if folder:
            target = Path(folder).expanduser().resolve()
            if not target.is_dir():
                raise SettingsError(
                    "folder", f"{target} is not a folder", remedy="leave it empty to download"
                )
            return f"written: {exporting.written(self._state, what, target)}"
        name, content = exporting.content(self._state, what)
        if len(content) > LARGEST:
            raise SettingsError(name, f"{len(content) / 1e6:.0f} MB", remedy="give a folder to write it into")
        for start in range(0, max(len(content), 1), PIECE):
            piece = base64.b64encode(content[start : start + PIECE]).decode("ascii")
            self._send_msg({"file": name, "piece": piece, "last": start + PIECE >= len(content)})
        return f"{name}, {_size(len(content))}"


def build(state: State) -> ExportMenu:
    """The Export menu of a session."""
    return ExportMenu(state)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e6 else f"{max(n_bytes / 1e3, 0.1):.1f} kB"
