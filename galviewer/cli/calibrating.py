"""``galviewer calibrate``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from galviewer.cli.looking import survey_settings
from galviewer.cli.screen import say, warn

if TYPE_CHECKING:
    from galviewer.run.calibration import Calibration

EXPECTED = (0.65, 0.71)
"""Where the coverage of 68 % intervals should lie in 1000 galaxies."""


def calibrate(arguments: argparse.Namespace) -> int:
    """Simulate from a run or catalogue, fit again, print how well the errors hold."""
    from galviewer import model, profiles
    from galviewer.fit import FitSettings
    from galviewer.run import calibration, is_run, stored_settings

    for path in arguments.profiles or ():
        profiles.load_user_profiles(path)
    if is_run(arguments.source):
        settings = stored_settings(arguments.source, device=arguments.device or "auto").fit_settings()
    else:
        settings = FitSettings(device=arguments.device or "auto", psf_kind=arguments.psf_kind or "effective")
    templates = calibration.read_templates(
        arguments.source,
        arguments.galaxies,
        arguments.folder,
        model.load(arguments.model) if arguments.model else None,
        survey_settings(arguments),
    )
    found = calibration.calibrate(
        templates, arguments.galaxies, arguments.errors, arguments.refits, arguments.seed, settings, _told
    )
    _show(found)
    if arguments.out:
        say(f"{found.write(arguments.out)}: {len(found.rows)} parameters")
    return 0


def _told(done: int, total: int) -> None:
    warn(f"{done} of {total} simulated galaxies fitted")


def _show(found: Calibration) -> None:
    """The table on the terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=120)
    table = Table(
        title=f"{found.simulated} simulated galaxies, {found.failed} failed, errors from {found.errors}",
        show_edge=False,
    )
    titles = ("parameter", "bias", "error", "pull median", "pull width", "68 % covers", "95 % covers", "")
    for title in titles:
        table.add_column(title, justify="left" if title in ("parameter", "") else "right", no_wrap=True)
    for row in found.rows:
        slack = 3.0 * row.binomial68
        outside = not EXPECTED[0] - slack <= row.coverage68 <= EXPECTED[1] + slack
        table.add_row(
            row.parameter,
            f"{row.bias:+.2g}",
            f"{row.error:.2g}",
            f"{row.pull_median:+.3f}",
            f"{row.pull_width:.3f}",
            f"{100 * row.coverage68:.1f} ± {100 * row.binomial68:.1f} %",
            f"{100 * row.coverage95:.1f} ± {100 * row.binomial95:.1f} %",
            "off" if outside else "",
        )
    console.print(table)
