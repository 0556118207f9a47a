"""The command ``galviewer``: demo, check, fit, export, figure, calibrate, explore.

parser    the arguments
fitting   fit and demo
looking   check, export, explore
drawing   figure
calibrating  calibrate
screen    progress bar, tables and lines on the terminal

Nothing heavy is imported before a command needs it. Results go to standard output, progress and problems to
standard error. Exit codes: 0 done; 1 something is wrong with the input or the run, told in one sentence;
2 wrong arguments; 130 stopped on request, everything done so far is kept.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from galviewer.cli.parser import build_parser
from galviewer.errors import GalviewerError

STOPPED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str, optional
        As typed after ``galviewer``; by default those of this process.

    Returns
    -------
    int
        Exit code.
    """
    parsed = build_parser().parse_args(arguments)
    try:
        return _command(parsed.command)(parsed)
    except GalviewerError as error:
        sys.stderr.write(f"galviewer: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("galviewer: stopped\n")
        return STOPPED
    except BrokenPipeError:  # the reader of our output, say head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("GALVIEWER_DEBUG"):
            raise
        what = f"{type(error).__name__}: {error}"
        sys.stderr.write(
            f"galviewer: {what}; this should not happen, GALVIEWER_DEBUG=1 shows where it does\n"
        )
        return 1


def _command(name: str):
    """The function of a command, imported now."""
    if name in ("fit", "demo"):
        from galviewer.cli import fitting

        return {"fit": fitting.fit, "demo": fitting.demo}[name]
    if name == "calibrate":
        from galviewer.cli import calibrating

        return calibrating.calibrate
    if name == "figure":
        from galviewer.cli import drawing

        return drawing.figure
    from galviewer.cli import looking

    return {"check": looking.check, "export": looking.export, "explore": looking.explore}[name]
