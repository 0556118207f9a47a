"""Where the explorer's galaxies come from: a folder of FITS files, a run directory, or memory.

Headless; paths are checked against the root that was opened, so that no name leads out of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import flags, run, survey
from galviewer.errors import InputError

if TYPE_CHECKING:
    from galviewer.model import Model
    from galviewer.products import GalaxyFit
    from galviewer.survey import Galaxy, SurveySettings


@dataclass(frozen=True)
class Row:
    """What the queue shows of one galaxy.

    Parameters
    ----------
    name : str
        As in the catalogue.
    chi2_nu : float or None
        None while not fitted.
    flags : int
        Bits of `galviewer.flags.Flag`.
    """

    name: str
    chi2_nu: float | None = None
    flags: int = 0

    @property
    def status(self) -> str:
        """One of "new", "good", "flagged", "failed"."""
        if self.flags & int(flags.FAILURES):
            return "failed"
        if self.chi2_nu is None:
            return "new"
        return "flagged" if self.flags & _DOUBTFUL else "good"


_DOUBTFUL = int(flags.Flag.NOT_CONVERGED | flags.Flag.AT_BOUND | flags.Flag.OFF_CENTRE | flags.Flag.SINGULAR)


class Source:
    """Galaxies by name.

    Attributes
    ----------
    kind : str
        "folder", "run" or "memory".
    label : str
        Short text for the top bar.
    folder, run : Path or None
        Where the galaxies, and the run's files, lie.
    model : Model or None
        What the run fitted.
    names : tuple of str
        In the order of the queue.
    problems : tuple of Problem
        What was wrong with files on opening.
    """

    kind = "memory"
    folder: Path | None = None
    run: Path | None = None
    model: Model | None = None
    settings: SurveySettings | None = None
    problems: tuple[Any, ...] = ()

    def __init__(self, label: str, names: Iterable[str]) -> None:
        self.label = label
        self.names = tuple(names)

    def galaxy(self, name: str) -> Galaxy:
        """The galaxy of that name.

        Raises
        ------
        InputError
            If it is unknown or its files are unusable.
        """
        raise InputError(name, "is not known here")

    def fitted(self, name: str) -> GalaxyFit | None:
        """The stored fit of that galaxy; None where there is none."""
        return None

    def parameters(self, name: str) -> np.ndarray | None:
        """Stored values of `model_of`, (P,), where no whole fit was kept; None where there are none."""
        return None

    def model_of(self, name: str) -> Model | None:
        """The model that the run gave to that galaxy."""
        return self.model

    def fit_settings(self) -> Any:
        """Settings the source was fitted with; None for the defaults."""
        return None

    def rows(self) -> dict[str, Row]:
        """What the queue shows, by name, in order."""
        return {name: Row(name) for name in self.names}

    def reopen(self) -> Source:
        """The same source, read again."""
        return self


class MemorySource(Source):
    """Galaxies that are already in memory."""

    def __init__(self, galaxies: Iterable[Galaxy], label: str = "from memory") -> None:
        self._galaxies = {galaxy.name: galaxy for galaxy in galaxies}
        super().__init__(label, self._galaxies)

    def galaxy(self, name: str) -> Galaxy:
        """See `Source.galaxy`."""
        if name not in self._galaxies:
            raise InputError(name, "is not among the galaxies given")
        return self._galaxies[name]


class FolderSource(Source):
    """A folder of FITS files, read galaxy by galaxy when shown."""

    kind = "folder"

    def __init__(self, folder: Path, settings: SurveySettings) -> None:
        found = survey.scan(folder, settings)
        self._entries = {entry.name: entry for entry in found.entries}
        self._folder, self._settings = folder, settings
        self.folder, self.settings = folder, settings
        self.problems = tuple(found.problems)
        super().__init__(folder.name or str(folder), natural_order(self._entries))

    def galaxy(self, name: str) -> Galaxy:
        """See `Source.galaxy`."""
        if name not in self._entries:
            raise InputError(name, f"is not in {self.label}", "a galaxy of the folder")
        return survey.read(self._entries[name], self._settings)

    def reopen(self) -> Source:
        """See `Source.reopen`."""
        return FolderSource(self._folder, self._settings)


def natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted as people count: g2 before g10."""
    return sorted(
        names, key=lambda name: [int(p) if p.isdigit() else p.lower() for p in re.split(r"(\d+)", name)]
    )


def open_source(
    source: Any, *, folder: str | Path | None = None, settings: SurveySettings | None = None
) -> Source:
    """Open whatever the user has.

    Parameters
    ----------
    source : path, Galaxy, iterable of Galaxy, ndarray, mapping, or Source
        A folder, a run directory, galaxies, an image, or the arguments of `Galaxy.from_arrays`.
    folder : path, optional
        For a run: where its galaxies lie now, if they moved.
    settings : SurveySettings, optional
        How a folder is read.

    Raises
    ------
    InputError
        If there is no such folder or nothing in it.
    """
    if isinstance(source, Source):
        return source
    if isinstance(source, (str, Path)):
        return _open_path(Path(source), folder, settings)
    if isinstance(source, survey.Galaxy):
        return MemorySource([source], source.name)
    if isinstance(source, Mapping):
        galaxy = survey.Galaxy.from_arrays(**source)
        return MemorySource([galaxy], galaxy.name)
    if isinstance(source, np.ndarray):
        galaxy = survey.Galaxy.from_arrays(source)
        return MemorySource([galaxy], galaxy.name)
    galaxies = list(source)
    if not galaxies or not all(isinstance(galaxy, survey.Galaxy) for galaxy in galaxies):
        raise InputError(
            "explore", f"got {type(source).__name__}", "a folder, a run, galaxies or an image array"
        )
    return MemorySource(galaxies, f"{len(galaxies)} galaxies")


def _open_path(path: Path, folder: str | Path | None, settings: SurveySettings | None) -> Source:
    path = path.expanduser().resolve()
    if not path.is_dir():
        raise InputError(str(path), "is not a folder", "a folder of FITS files or a run directory")
    if run.is_run(path):
        from galviewer.explorer.run_source import RunSource

        return RunSource(path, Path(folder).resolve() if folder else None, settings)
    return FolderSource(path, settings or survey.SurveySettings())
