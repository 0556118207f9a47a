"""A run directory as the explorer sees it: galaxies from its blocks, or from the folder where it has none."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import run, survey
from galviewer.errors import GalviewerError, InputError
from galviewer.explorer.source import FolderSource, Row, Source

if TYPE_CHECKING:
    from galviewer.model import Model
    from galviewer.products import GalaxyFit
    from galviewer.survey import Galaxy, SurveySettings

_KEPT = 4


class RunSource(Source):
    """Galaxies of a run, done or not, and those of its folder that it never saw.

    Parameters
    ----------
    path : Path
        The run directory.
    folder : Path, optional
        Where its galaxies lie now; None for where the run found them.
    settings : SurveySettings, optional
        How the folder is read; None for the run's own.

    Raises
    ------
    RunError
        If `path` is no run directory.
    """

    kind = "run"

    def __init__(
        self, path: Path, folder: Path | None = None, settings: SurveySettings | None = None
    ) -> None:
        self._view = run.open(path)
        self._given = (path, folder, settings)
        self._blocks: dict[str, GalaxyFit] = {}
        self._catalogue: dict[str, dict[str, Any]] | None = None
        self.run = path
        self.model = self._view.model
        self.settings = settings or self._view.settings.survey
        self.folder = folder or (self._view.folder if self._view.folder.exists() else None)
        self._below = self._folder()
        names = dict.fromkeys(self._view.names)
        if self._below is not None:
            names |= dict.fromkeys(self._below.names)
            self.problems = self._below.problems
        super().__init__(path.name, names)

    def _folder(self) -> FolderSource | None:
        """The folder's own galaxies; None where it cannot be read."""
        if self.folder is None or not self.folder.is_dir():
            return None
        try:
            return FolderSource(self.folder, self.settings or survey.SurveySettings())
        except GalviewerError:
            return None

    def galaxy(self, name: str) -> Galaxy:
        """See `Source.galaxy`; the pixels that were fitted, where the run kept them."""
        fit = self.fitted(name)
        if fit is not None:
            return fit.galaxy
        if self._below is not None:
            return self._below.galaxy(name)
        raise InputError(
            name,
            "has no block in the run, and the folder is not there",
            remedy="open the run with folder=...",
        )

    def fitted(self, name: str) -> GalaxyFit | None:
        """See `Source.fitted`."""
        if name not in self._view.names:
            return None
        if name not in self._blocks:
            fit = self._view.fitted(name)
            if fit is None:
                return None
            while len(self._blocks) >= _KEPT:
                self._blocks.pop(next(iter(self._blocks)))
            self._blocks[name] = fit
        return self._blocks[name]

    def parameters(self, name: str) -> np.ndarray | None:
        """See `Source.parameters`: the catalogue's values, for runs without blocks."""
        row = self._rows().get(name)
        if row is None:
            return None
        values = [row.get(column) for column in self.model_of(name).columns]
        if not all(value is not None and math.isfinite(value) for value in values):
            return None
        return np.array(values, float)

    def model_of(self, name: str) -> Model:
        """See `Source.model_of`: each galaxy's own, where the run chose."""
        row = self._rows().get(name)
        return self._view.model if row is None else self._view.model_of(row.get("model") or "")

    def _rows(self) -> dict[str, dict[str, Any]]:
        if self._catalogue is None:
            models = self._view.settings.models
            columns = dict.fromkeys(column for model in models for column in model.columns)
            self._catalogue = self._view.rows("chi2_nu", "flags", "model", *columns)
        return self._catalogue

    def rows(self) -> dict[str, Row]:
        """See `Source.rows`."""
        found = self._rows()
        return {name: _row(name, found.get(name)) for name in self.names}

    def fit_settings(self) -> Any:
        """See `Source.fit_settings`: those of the run."""
        return self._view.settings.fit_settings()

    def reopen(self) -> Source:
        """See `Source.reopen`."""
        return RunSource(*self._given)


def _row(name: str, row: dict[str, Any] | None) -> Row:
    if row is None:
        return Row(name)
    chi2_nu = row.get("chi2_nu")
    known = chi2_nu is not None and math.isfinite(chi2_nu)
    return Row(name, float(chi2_nu) if known and chi2_nu is not None else None, int(row.get("flags") or 0))
