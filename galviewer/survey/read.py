"""Entry to Galaxy: files are read, checked and repaired."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from galviewer.errors import InputError
from galviewer.survey import headers
from galviewer.survey.entry import Entry
from galviewer.survey.files import Plane, read_planes, split_extension
from galviewer.survey.galaxy import Galaxy, assemble
from galviewer.survey.problem import Findings, Problem
from galviewer.survey.psf import prepare_psf
from galviewer.survey.scan import scan
from galviewer.survey.settings import DEFAULT, SurveySettings


def read(entry: Entry, settings: SurveySettings = DEFAULT) -> Galaxy:
    """Read one galaxy.

    Parameters
    ----------
    entry : Entry
        From `scan`.
    settings : SurveySettings, optional
        Values that win over headers; a row's values win over these.

    Returns
    -------
    Galaxy
        Its `notes` and `flags` say what was repaired or assumed.

    Raises
    ------
    InputError
        The galaxy cannot be used.
    """
    return read_with_problems(entry, settings)[0]


def read_with_problems(entry: Entry, settings: SurveySettings = DEFAULT) -> tuple[Galaxy, list[Problem]]:
    """As `read`, with the problems as objects.

    Raises
    ------
    InputError
        The galaxy cannot be used.
    """
    findings = Findings(entry.name, [])
    planes = _planes(entry, settings)
    header = planes["image"].header
    psf, oversample = _psf(entry, planes, settings, findings)
    wcs = headers.world(header, findings)
    target = entry.target
    if target is None and "seg" in planes:
        label = headers.number(planes["seg"].header, "TARGSEG")
        label = headers.number(header, "TARGSEG") if label is None else label
        target = None if label is None else int(label)
    galaxy = assemble(
        {role: plane.array for role, plane in planes.items() if role != "psf"},
        findings,
        headers.kept(header),
        _noise(entry, settings),
        target=target,
        centre=_centre(entry, findings),
        prepared_psf=psf,
        psf_oversample=oversample,
        zeropoint=headers.zeropoint(
            header, _first(entry.zeropoint, settings.zeropoint), settings.exposure_zeropoint, findings
        ),
        pixel_scale=headers.pixel_scale(
            header, wcs, _first(entry.pixel_scale, settings.pixel_scale), findings
        ),
        wcs=wcs,
        paths=dict(entry.paths),
        given=dict(entry.given),
    )
    return galaxy, findings.problems


def check(
    folder: str | Path, settings: SurveySettings = DEFAULT
) -> Iterator[tuple[Entry, Galaxy | None, list[Problem]]]:
    """Read a whole folder and tell everything about it.

    Yields
    ------
    entry, galaxy, problems
        Each galaxy in turn, None where it cannot be used. Problems that belong to no readable
        galaxy (files without an image, duplicate rows, ...) come last, each with an entry
        without paths.

    Raises
    ------
    SettingsError
        The folder or table does not exist.
    """
    survey = scan(folder, settings)
    for entry in survey.entries:
        try:
            galaxy, problems = read_with_problems(entry, settings)
        except InputError as error:
            yield entry, None, [Problem.from_error(error)]
        else:
            yield entry, galaxy, problems
    for problem in survey.problems:
        yield Entry(problem.whose), None, [problem]


def _first(*values: float | None) -> float | None:
    """The first value that is known."""
    return next((value for value in values if value is not None), None)


def _noise(entry: Entry, settings: SurveySettings) -> dict[str, float | None]:
    """Gain, read noise and subtracted sky, from the row or the settings."""
    return {
        key: _first(getattr(entry, key), getattr(settings, key))
        for key in ("gain", "read_noise", "sky_level")
    }


def _centre(entry: Entry, findings: Findings) -> tuple[float, float] | None:
    """The target's place from a table's row."""
    if entry.x is None and entry.y is None:
        return None
    if entry.x is None or entry.y is None:
        raise findings.error("has only one of x and y", "both or none", "complete the table")
    return entry.x, entry.y


def _planes(entry: Entry, settings: SurveySettings) -> dict[str, Plane]:
    """Planes of all roles; those without a file of their own from the image's file."""
    names = settings.extensions()
    own = set(entry.paths) - {"image"}
    noise_known = bool(own & {"sigma", "ivar"})
    wanted = {
        role: known
        for role, known in names.items()
        if role not in own and not (noise_known and role in ("sigma", "ivar"))
    }
    if "image" not in entry.paths:
        raise InputError(entry.name, "has no image", "a file for its image")
    planes = read_planes(entry.paths["image"], entry.name, wanted, "image", settings.image_hdu)
    for role, path in entry.paths.items():
        if role not in ("image", "psf"):
            planes[role] = read_planes(path, entry.name, {role: names[role]}, role)[role]
    return planes


def _psf(
    entry: Entry, planes: dict[str, Plane], settings: SurveySettings, findings: Findings
) -> tuple[np.ndarray | None, int]:
    """Prepared PSF and its oversampling; a stamp of its own file is read once per version."""
    if "psf" in entry.paths:
        path = entry.paths["psf"]
        stamp, problems, oversample = _psf_file(
            path, _version(path), settings.psf_hdus, settings.psf_oversample, entry.name
        )
        findings.problems += [Problem(entry.name, p.severity, p.what, p.expected, p.remedy) for p in problems]
        return stamp, oversample
    if "psf" in planes:
        plane = planes["psf"]
        oversample = _oversample(plane, settings.psf_oversample)
        return prepare_psf(plane.array, findings, oversample), oversample
    return None, settings.psf_oversample


def _version(path: str) -> tuple[int, int] | None:
    """What changes when the file does."""
    file = split_extension(path)[0]
    if not file.is_file():
        return None
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


def _psf_file(
    path: str, version: Any, names: tuple[str, ...], oversample: int, whose: str
) -> tuple[np.ndarray, tuple[Problem, ...], int]:
    """A PSF file read and prepared, from memory where it was read before."""
    try:
        return _cached_psf(path, version, names, oversample)
    except InputError as error:
        raise InputError(whose, error.what, error.expected, error.remedy) from error


@lru_cache(maxsize=8)
def _cached_psf(
    path: str, version: Any, names: tuple[str, ...], oversample: int
) -> tuple[np.ndarray, tuple[Problem, ...], int]:
    """One PSF file shared by many galaxies is prepared once."""
    findings = Findings(Path(path).name, [])
    plane = read_planes(path, findings.whose, {"psf": names}, "psf")["psf"]
    oversample = _oversample(plane, oversample)
    return prepare_psf(plane.array, findings, oversample), tuple(findings.problems), oversample


def _oversample(plane: Plane, given: int) -> int:
    """Samples per pixel, from the settings or the stamp's card OVERSAMP."""
    card = headers.number(plane.header, "OVERSAMP")
    return int(card) if given == 1 and card is not None and card >= 1 else given
