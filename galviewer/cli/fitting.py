"""``galviewer fit`` and ``galviewer demo``."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviewer import run
from galviewer.cli.looking import serve, survey_settings
from galviewer.cli.screen import JsonEvents, Progress, say, summary, warn
from galviewer.errors import RunError, SettingsError

if TYPE_CHECKING:
    from galviewer.run import RunSettings, RunSummary

STOPPED = 130
DEMO = "galviewer_demo"


def fit(arguments: argparse.Namespace) -> int:
    """Fit a folder, or go on with a run."""
    settings = _resumed(arguments) if arguments.resume else _fresh(arguments)
    with JsonEvents() if arguments.json else Progress() as show:
        result = run.execute(settings, show)
    if not arguments.json:
        say(summary(result))
    return _code(result)


def demo(arguments: argparse.Namespace) -> int:
    """Fit the sample galaxies, show the result, serve the explorer."""
    from galviewer import sample

    try:
        folder = sample.folder()
    except FileNotFoundError as error:
        raise RunError(
            "sample data", "not found", "the galaxies that come with galviewer", str(error)
        ) from error
    out = Path(arguments.out) if arguments.out else _demo_directory()
    settings = run.RunSettings(
        folder=str(folder), out=str(out), **_model(arguments.model), device=arguments.device or "auto"
    )
    result = _fit_demo(settings, chosen=arguments.out is not None)
    say(summary(result))
    if _code(result):
        return _code(result)
    _show_table(run.open(result.out))
    say(f"run directory: {Path(result.out).resolve()}")
    return serve(arguments, result.out, exit_when_up=arguments.exit)


def _code(result: RunSummary) -> int:
    """Exit code: a run in which no galaxy could be fitted is no success."""
    if result.cancelled:
        return STOPPED
    if result.failed + result.skipped < result.done:
        return 0
    reasons = [row["message"] for row in run.open(result.out).rows("message").values()]
    warn(f"galviewer: no galaxy could be fitted; the first one: {reasons[0]}")
    return 1


def _fresh(arguments: argparse.Namespace) -> RunSettings:
    """The settings of the command line."""
    from galviewer import model, profiles
    from galviewer.run import ladder

    if arguments.folder is None:
        raise SettingsError(
            "fit", "no FOLDER given", "a folder of FITS files", "or --resume to go on with a run"
        )
    if arguments.model is None:
        raise SettingsError(
            "fit",
            "no --model given",
            "one of " + ", ".join((*ladder.LADDERS, *model.TEMPLATES)) + ", or a TOML file",
        )
    for path in arguments.profiles or ():
        profiles.load_user_profiles(path)
    return run.RunSettings(
        folder=arguments.folder,
        out=arguments.out,
        **_model(arguments.model),
        neighbours=arguments.neighbours or "off",
        companions=arguments.companions,
        errors=arguments.errors or "covariance",
        survey=survey_settings(arguments),
        fit=_fit_fields(arguments),
        device=arguments.device or "auto",
        batch_size=arguments.batch_size,
        limit=arguments.limit,
        blocks=not arguments.no_blocks,
        threads=arguments.threads,
        profiles=tuple(arguments.profiles or ()),
    )


def _resumed(arguments: argparse.Namespace) -> RunSettings:
    """The stored settings with what the command line says; the run refuses what it cannot follow."""
    stored = run.stored_settings(arguments.out)
    changes: dict[str, Any] = {
        "folder": arguments.folder,
        "device": arguments.device,
        "batch_size": arguments.batch_size,
        "limit": arguments.limit,
        "threads": arguments.threads,
        "neighbours": arguments.neighbours,
        "companions": True if arguments.companions else None,
        "errors": arguments.errors,
        "blocks": False if arguments.no_blocks else None,
    }
    return replace(
        stored,
        survey=survey_settings(arguments, stored.survey),
        fit={**stored.fit, **_fit_fields(arguments)},
        **{key: value for key, value in changes.items() if value is not None},
        **(_model(arguments.model) if arguments.model else {}),
    )


def _model(name: str) -> dict[str, Any]:
    """The settings that a template, a file or the name of a choice means."""
    from galviewer import model
    from galviewer.run import ladder

    if ladder.is_ladder(name):
        return {"model": ladder.lowest_rung(name), "ladder": name}
    return {"model": model.load(name), "ladder": ""}


def _fit_fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit settings that were given."""
    names = ("psf_kind", "max_iterations", "dtype", "method", "likelihood", "student_nu")
    given = {name: getattr(arguments, name) for name in names}
    return {name: value for name, value in given.items() if value is not None}


def _demo_directory() -> Path:
    """``galviewer_demo`` where we are, or a temporary directory where we may not write."""
    here = Path.cwd()
    if os.access(here, os.W_OK):
        return here / DEMO
    return Path(tempfile.mkdtemp(prefix="galviewer-demo-"))


def _fit_demo(settings: RunSettings, chosen: bool) -> RunSummary:
    """Fit; a temporary directory where an older demo with other settings is in the way."""
    try:
        with Progress() as show:
            return run.execute(settings, show)
    except RunError as error:
        if chosen:
            raise
        warn(f"{error}; using a temporary directory instead")
    settings = replace(settings, out=tempfile.mkdtemp(prefix="galviewer-demo-"))
    with Progress() as show:
        return run.execute(settings, show)


def _show_table(view: run.RunView) -> None:
    """The result as a table: a few columns of each galaxy."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    fitted = [c.name for c in view.model.components if c.declaration.kind == "elliptical"]
    wanted = [f"{name}_{p}" for name in fitted for p in ("mag", "r_eff", "n", "q", "pa")]
    columns = [column for column in wanted if column in view.model.columns]
    errors = [f"{column}_err" for column in columns]
    table = Table(title=f"{view.settings.model_name} fits", show_edge=False)
    for title in ("name", *columns, "chi2_nu", "snr", "flags"):
        table.add_column(
            title, justify="left" if title in ("name", "flags") else "right", no_wrap=title == "name"
        )
    for name, row in view.rows(*columns, *errors, "chi2_nu", "snr", "flag_names").items():
        values = [_with_error(row[column], row[error]) for column, error in zip(columns, errors, strict=True)]
        table.add_row(name, *values, f"{row['chi2_nu']:.3f}", f"{row['snr']:.0f}", row["flag_names"])
    with contextlib.suppress(BrokenPipeError):
        console.print(table)


def _with_error(value: float, error: float) -> str:
    """As ``17.371 ± 0.004``, as many digits as the error allows."""
    import math

    if not math.isfinite(value):
        return "-"
    if not (math.isfinite(error) and error > 0):
        return f"{value:.3f}"
    digits = min(max(1 - math.floor(math.log10(error)), 0), 4)
    return f"{value:.{digits}f} ± {error:.{digits}f}"
