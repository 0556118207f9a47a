"""A folder (or a table of paths) to entries; no pixels are read."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

from astropy.io import fits

from galviewer.errors import SettingsError
from galviewer.survey.entry import Entry, Survey
from galviewer.survey.files import UNREADABLE, is_image, quiet, split_extension, stem
from galviewer.survey.problem import Problem
from galviewer.survey.settings import DEFAULT, SurveySettings
from galviewer.survey.table import TABLE_SUFFIXES, read_rows

Files = dict[str, dict[str, str]]
"""Galaxy name to role to path."""


def scan(folder: str | Path, settings: SurveySettings = DEFAULT) -> Survey:
    """Find the galaxies of a folder, or of a table of paths.

    Parameters
    ----------
    folder : path
        Folder of FITS files, or a CSV, ECSV or FITS table.
    settings : SurveySettings, optional
        Patterns and shared values.

    Returns
    -------
    Survey
        Entries and everything that could not be attributed.

    Raises
    ------
    SettingsError
        The folder, the table or the shared PSF does not exist, or the table has no usable column.
    """
    folder = Path(folder)
    if folder.is_file() and folder.suffix.lower() in TABLE_SUFFIXES:
        folder, settings = folder.parent, replace(settings, table=str(folder.resolve()))
    if not folder.is_dir():
        raise SettingsError(
            str(folder), "is not there" if not folder.exists() else "is not a folder",
            "a folder of FITS files, or a table of paths", "check the name",
        )  # fmt: skip
    psf = _existing(folder, settings.psf, "psf") if settings.psf else None
    if settings.table:
        table = _existing(folder, settings.table, "table")
        rows, problems = read_rows(Path(table))
        if any("image" in entry.paths for entry in rows):
            entries = [replace(row, paths={**({"psf": psf} if psf else {}), **row.paths}) for row in rows]
            return _unique(folder, entries, problems)
        entries, more = _folder(folder, settings, psf)
        entries, missing = _joined(rows, entries)
        return _unique(folder, entries, [*problems, *more, *missing])
    entries, problems = _folder(folder, settings, psf)
    return _unique(folder, entries, problems)


def _existing(folder: Path, given: str, key: str) -> str:
    """The given path, relative to the working directory or to the folder."""
    for candidate in (Path(given), folder / given):
        if split_extension(candidate)[0].is_file():
            return str(candidate)
    raise SettingsError(
        key, f"there is no file {given}", "a path, also relative to the folder", "check the name"
    )


def _folder(folder: Path, settings: SurveySettings, psf: str | None) -> tuple[list[Entry], list[Problem]]:
    """Entries and problems of a folder of files named by patterns."""
    paths = _fits_files(folder, any("/" in pattern for pattern in settings.patterns().values()))
    problems: list[Problem] = []
    files, loose = _matched(paths, settings, problems)
    galaxies = {name: roles for name, roles in files.items() if "image" in roles}
    loose = [path for path in loose if not _take_multi_extension(path, settings, galaxies)]
    orphans = {name: roles for name, roles in files.items() if name not in galaxies}
    lonely = [name for name, roles in galaxies.items() if "psf" not in roles]
    if psf is None and lonely:
        psf = _lone_psf(loose, orphans, lonely, problems)
    loose = [path for path in loose if psf is None or Path(path) != Path(psf)]
    for name, roles in sorted(orphans.items()):
        if list(roles.values()) == [psf]:
            continue
        found = ", ".join(Path(path).name for path in roles.values())
        problems.append(
            Problem(name, "error", f"has {found} but no image",
                    settings.image_pattern.replace("{name}", name) + ".fits",
                    "add the image, or remove these files")
        )  # fmt: skip
    if loose and (galaxies or orphans):
        problems += [
            Problem(Path(path).name, "note", "matches no pattern and holds no galaxy; it is left alone")
            for path in loose
        ]
    if not galaxies:
        problems.append(_nothing(folder, settings, loose))
    shared = {"psf": psf} if psf else {}
    return [Entry(name, {**shared, **roles}) for name, roles in sorted(galaxies.items())], problems


def _fits_files(folder: Path, deep: bool) -> list[str]:
    """FITS files of the folder (and below it), relative to it, sorted."""
    if deep:
        found = [
            os.path.relpath(os.path.join(root, file), folder)
            for root, _, names in os.walk(folder)
            for file in names
        ]
    else:
        with os.scandir(folder) as content:
            found = [item.name for item in content if item.is_file()]
    return sorted(os.path.join(folder, path) for path in found if stem(path) is not None)


def _matched(paths: list[str], settings: SurveySettings, problems: list[Problem]) -> tuple[Files, list[str]]:
    """Files by galaxy and role, and those that match no pattern."""
    patterns = [(role, _expression(text)) for role, text in settings.patterns().items() if text]
    patterns.sort(key=lambda item: -len(item[1].pattern))  # '{name}' alone must come last
    files: Files = defaultdict(dict)
    loose: list[str] = []
    for path in paths:
        bare = (stem(path) or "").replace(os.sep, "/")
        found = next(((role, match) for role, one in patterns if (match := one.search(bare))), None)
        if found is None:
            loose.append(path)
            continue
        role, match = found
        roles = files[match.group("name")]
        if role in roles:
            problems.append(
                Problem(match.group("name"), "note",
                        f"has two files for its {role}: {Path(roles[role]).name} and {Path(path).name}",
                        "one (the first is used)", "remove the other")
            )  # fmt: skip
        roles.setdefault(role, path)
    return dict(files), loose


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern such as ``{name}_image`` as a regular expression on the path without suffix."""
    before, after = pattern.split("{name}")
    return re.compile(r"(?:^|/)" + re.escape(before) + r"(?P<name>[^/]+)" + re.escape(after) + "$")


def _take_multi_extension(path: str, settings: SurveySettings, galaxies: Files) -> bool:
    """Take a file with an image and at least one companion plane as a galaxy of its own."""
    try:
        with quiet(), fits.open(path, memmap=False) as hdus:
            if len(hdus) < 2:
                return False
            images = [hdu for hdu in list[Any](hdus) if is_image(hdu)]
            found = {hdu.name.upper() for hdu in images}
    except UNREADABLE:
        return False
    known = settings.extensions()
    companions = [role for role, names in known.items() if role != "image" and found & set(names)]
    unnamed = [
        hdu for hdu in images if hdu.name.upper() not in {n for names in known.values() for n in names}
    ]
    if not companions or not (found & set(settings.image_hdus) or unnamed):
        return False
    name = Path(stem(path) or path).name
    if name in galaxies:
        return False
    galaxies[name] = {"image": path}
    return True


def _lone_psf(loose: list[str], orphans: Files, lonely: list[str], problems: list[Problem]) -> str | None:
    """The folder's one PSF for the galaxies without: psf.fits, or the only file that looks like one."""
    exact = [path for path in loose if Path(stem(path) or "").name.lower() == "psf"]
    candidates = [path for path in loose if "psf" in Path(path).name.lower()]
    candidates += [roles["psf"] for roles in orphans.values() if list(roles) == ["psf"]]
    if exact or len(candidates) == 1:
        return (exact or candidates)[0]
    if candidates:
        names = ", ".join(Path(path).name for path in candidates)
        problems.append(
            Problem("PSF", "note", f"{len(lonely)} galaxies have none, several files could be it ({names})",
                    "one", "name it with --psf")
        )  # fmt: skip
    return None


def _nothing(folder: Path, settings: SurveySettings, loose: list[str]) -> Problem:
    """The problem of a folder without galaxies."""
    some = ", ".join(Path(path).name for path in loose[:3])
    what = (
        f"has {len(loose)} other FITS files ({some}{', ...' if len(loose) > 3 else ''})"
        if loose
        else "has no FITS files"
    )
    return Problem(
        str(folder), "error", f"holds no galaxy; it {what}",
        f"files called {settings.image_pattern}.fits, or multi-extension files with SCI and ERR",
        "give patterns (--image-pattern '{name}' takes every file) or a table of paths",
    )  # fmt: skip


def _joined(rows: list[Entry], entries: list[Entry]) -> tuple[list[Entry], list[Problem]]:
    """Rows that only add values, joined by name to the files of the folder."""
    by_name = {entry.name: entry for entry in entries}
    joined, problems = [], []
    for row in rows:
        found = by_name.get(row.name)
        if found is None:
            problems.append(
                Problem(
                    row.name, "error", "is in the table but has no image in the folder", "files for every row"
                )
            )
            continue
        joined.append(replace(row, paths={**found.paths, **row.paths}))
    return joined, problems


def _unique(folder: Path, entries: list[Entry], problems: list[Problem]) -> Survey:
    """A survey in which every name occurs once; later ones become problems."""
    unique: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in unique:
            problems.append(
                Problem(
                    entry.name, "error", "occurs twice; only the first is used", "unique names", "rename one"
                )
            )
        else:
            unique[entry.name] = entry
    return Survey(folder, tuple(unique.values()), tuple(problems))
