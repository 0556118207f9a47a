"""``galviewer figure``: one galaxy of a run as a figure for a paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from galviewer.cli.screen import say
from galviewer.errors import RunError


def figure(arguments: argparse.Namespace) -> int:
    """Draw a galaxy of a run into each file asked for."""
    from galviewer import profiles, run
    from galviewer.products.figures import figure as draw

    for path in arguments.profiles or ():
        profiles.load_user_profiles(path)
    view = run.open(arguments.run)
    fit = view.fitted(arguments.name)
    if fit is None:
        raise RunError(
            arguments.name, "has no block in this run", "a galaxy that was fitted",
            "wait for the run, or fit without --no-blocks; the catalogue's message says why it was skipped",
        )  # fmt: skip
    draw(fit, [Path(path) for path in arguments.out], radius=arguments.radius, dpi=arguments.dpi)
    for path in arguments.out:
        say(str(path))
    return 0
