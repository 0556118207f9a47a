"""``galviewer check``, ``galviewer export`` and ``galviewer explore``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviewer.cli.parser import PORT
from galviewer.cli.screen import say
from galviewer.errors import SettingsError

if TYPE_CHECKING:
    from galviewer.survey import Galaxy, Problem, SurveySettings


def check(arguments: argparse.Namespace) -> int:
    """List a folder; 1 if a galaxy cannot be used."""
    from galviewer import survey

    usable = unusable = repaired = errors = 0
    for entry, galaxy, problems in survey.check(arguments.folder, survey_settings(arguments)):
        if entry.paths:
            usable, unusable = usable + (galaxy is not None), unusable + (galaxy is None)
            repaired += any(problem.severity == "repaired" for problem in problems)
        else:
            errors += any(problem.severity == "error" for problem in problems)
        if galaxy is not None and not arguments.quiet:
            say(_describe(galaxy))
        for problem in problems:
            if not (arguments.quiet and problem.severity == "note"):
                say(_sentence(problem))
    if not usable + unusable + errors:
        raise SettingsError(
            arguments.folder, "holds no galaxy", "files like NAME_image.fits", "see docs/survey.md"
        )
    words = [f"{usable + unusable} galaxies", f"{usable} usable"]
    words += [
        f"{number} {what}" for number, what in ((repaired, "repaired"), (unusable, "not usable")) if number
    ]
    words += [f"{errors} files without a galaxy"] if errors else []
    say(", ".join(words))
    return 1 if unusable or errors else 0


def export(arguments: argparse.Namespace) -> int:
    """Write a run's catalogue as one file."""
    from galviewer import run
    from galviewer.products import tables

    view = run.open(arguments.run)
    fmt = arguments.format or tables.format_of(arguments.out)
    table = view.neighbours_arrow() if arguments.neighbours else view.arrow()
    path = tables.export(table, arguments.out, fmt, overwrite=arguments.force)
    done, total = view.progress
    missing = "" if done == total else f" ({done} of {total} galaxies: the run is not finished)"
    rows = "neighbours" if arguments.neighbours else "galaxies"
    say(f"{path}: {table.num_rows} {rows}, {table.num_columns} columns, {fmt}{missing}")
    return 0


def explore(arguments: argparse.Namespace) -> int:
    """Serve the explorer on a folder or a run."""
    from galviewer import profiles

    for path in arguments.profiles or ():
        profiles.load_user_profiles(path)
    if not Path(arguments.source).exists():
        raise SettingsError(arguments.source, "does not exist", "a folder of FITS files or a run directory")
    more: dict[str, Any] = {"model": arguments.model, "folder": arguments.folder}
    if not (Path(arguments.source) / "run.toml").is_file():
        more["survey_settings"] = survey_settings(arguments)
    if arguments.psf_kind:
        from galviewer.fit import FitSettings

        more["settings"] = FitSettings(psf_kind=arguments.psf_kind)
    return serve(arguments, arguments.source, **more)


def serve(arguments: argparse.Namespace, source: str, exit_when_up: bool = False, **more: Any) -> int:
    """Serve the explorer until Ctrl-C, or only until it is up."""
    from galviewer import explorer

    port = _port(arguments.address, arguments.port)

    def ready(url: str) -> None:
        say(f"explorer: {url}" + ("" if exit_when_up else "   (Ctrl-C ends it)"))
        if exit_when_up:
            signal.raise_signal(signal.SIGINT)

    password = os.environ.get("GALVIEWER_PASSWORD") or None
    open_browser = not arguments.no_browser and not exit_when_up
    with contextlib.suppress(KeyboardInterrupt):
        explorer.serve(
            source,
            port=port,
            address=arguments.address,
            open_browser=open_browser,
            ready=ready,
            password=password,
            **more,
        )
    return 0


def survey_settings(arguments: argparse.Namespace, base: SurveySettings | None = None) -> SurveySettings:
    """How to read the folder: `base` with everything that was given on the command line.

    Raises
    ------
    SettingsError
        If a value makes no sense.
    """
    from galviewer.survey import SurveySettings

    given = {f.name: getattr(arguments, f.name, None) for f in fields(SurveySettings)}
    values = {name: value for name, value in given.items() if value is not None and value is not False}
    for name in ("psf", "table"):  # as seen from here, and still found when the run is resumed elsewhere
        if name in values and Path(values[name]).is_file():
            values[name] = str(Path(values[name]).resolve())
    return replace(base or SurveySettings(), **values)


def _describe(galaxy: Galaxy) -> str:
    """A galaxy in one line."""
    height, width = galaxy.shape
    words = [f"{width} x {height} px", f"sigma from {galaxy.sigma_origin}"]
    if galaxy.psf is None:
        words.append("no PSF")
    else:
        sampled = f" at 1/{galaxy.psf_oversample} px" if galaxy.psf_oversample > 1 else ""
        words.append(f"PSF {galaxy.psf.shape[1]} x {galaxy.psf.shape[0]}{sampled}")
    words.append(f"{galaxy.mask.mean():.1%} masked")
    words.append(f"zeropoint {galaxy.zeropoint:g}")
    words.append(
        "pixel scale unknown" if galaxy.pixel_scale is None else f"{galaxy.pixel_scale:.4g} arcsec/px"
    )
    words.append("WCS" if galaxy.wcs is not None else "no WCS")
    return f"{galaxy.name}: " + ", ".join(words)


def _sentence(problem: Problem) -> str:
    return f"  {problem.severity}: {problem}"


def _port(address: str, wanted: int | None) -> int:
    """The port asked for, if it is free; otherwise the first free one from the default on.

    Raises
    ------
    SettingsError
        If the port asked for is taken, or the address is none of this machine's.
    """
    if wanted is not None:
        if wanted and not _free(address, wanted):
            raise SettingsError(f"port {wanted}", "is taken", "a free port", "choose another --port, or none")
        return wanted
    return next((port for port in range(PORT, PORT + 50) if _free(address, port)), 0)


def _free(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
