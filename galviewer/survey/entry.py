"""What is known about a galaxy before any pixel is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from galviewer.survey.problem import Problem


@dataclass(frozen=True)
class Entry:
    """One galaxy of a survey.

    Parameters
    ----------
    name : str
        Unique within the survey.
    paths : dict of str to str
        File of each role (image, sigma, ivar, psf, mask, seg), possibly ``file.fits[EXT]``.
    x, y : float, optional
        Target's centre, 0-based pixels; image centre if None.
    zeropoint, pixel_scale, gain, read_noise, sky_level : float, optional
        Values of a table's row; they win over settings and headers.
    target : int, optional
        The target's label in the segmentation map.
    given : dict
        All other numbers of the table's row, by column in lower case: start values and bounds.
    """

    name: str
    paths: dict[str, str] = field(default_factory=dict)
    x: float | None = None
    y: float | None = None
    zeropoint: float | None = None
    pixel_scale: float | None = None
    gain: float | None = None
    read_noise: float | None = None
    sky_level: float | None = None
    target: int | None = None
    given: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Survey:
    """What a folder or table holds.

    Parameters
    ----------
    folder : Path
        Where it was looked for.
    entries : tuple of Entry
        Galaxies, sorted by name (by row for a table).
    problems : tuple of Problem
        Files that belong to no galaxy, galaxies without image, ambiguous PSFs.
    """

    folder: Path
    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, name: str) -> Entry:
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)
