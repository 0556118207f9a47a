"""What the terminal shows: a progress bar for people, single lines for logs, JSON for programs."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galviewer.run import RunSummary

MOST_PROBLEMS = 20
"""Skipped galaxies told one by one; more are counted."""


def say(text: str) -> None:
    """One line of results on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def warn(text: str) -> None:
    """One line about a problem on standard error."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


class JsonEvents:
    """Each event of a run as one JSON object per line on standard output."""

    def __enter__(self) -> JsonEvents:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __call__(self, event: dict[str, Any]) -> None:
        """Write an event; nan becomes null."""
        clean = {
            key: None if isinstance(value, float) and value != value else value
            for key, value in event.items()
        }
        say(json.dumps(clean, ensure_ascii=False))


class Progress:
    """The events of a run as a progress bar on a terminal; only problems where standard error is piped."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(stderr=True)
        self._live = self._console.is_terminal
        self._problems = self._flagged = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if self._live:
            from rich import progress

            self._bar = progress.Progress(
                progress.TextColumn("[bold]{task.description}"),
                progress.BarColumn(bar_width=None),
                progress.MofNCompleteColumn(),
                progress.TextColumn("{task.fields[rate]}"),
                progress.TimeElapsedColumn(),
                progress.TextColumn("left"),
                progress.TimeRemainingColumn(),
                progress.TextColumn("{task.fields[flagged]}"),
                console=self._console,
                transient=False,
            )
            self._task = self._bar.add_task("starting", total=None, rate="", flagged="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take an event into account."""
        kind = event["event"]
        if kind == "start":
            self._start(event)
        elif kind in ("galaxy", "skip"):
            self._flagged += bool(event["flags"])
            if kind == "skip":
                self._problem(f"{event['name']}: skipped: {event['reason']}")
        elif kind == "problem" and event["severity"] != "note":
            self._problem(event["message"])
        elif kind == "note":
            self._line(event["message"])
        elif kind == "part" and self._bar is not None:
            rate = self._bar.tasks[self._task].speed
            self._bar.update(
                self._task,
                completed=event["done"],
                rate=f"{rate:.1f}/s" if rate else "",
                flagged=f"{self._flagged} flagged" if self._flagged else "",
            )

    def _start(self, event: dict[str, Any]) -> None:
        if event["resumed"] and event["done"] < event["total"]:
            self._line(f"resuming: {event['done']} of {event['total']} galaxies are done")
        if self._bar is not None:
            description = f"{event['model'] or 'fit'} on {event['device']}"
            self._bar.update(
                self._task, description=description, total=event["total"], completed=event["done"]
            )

    def _problem(self, text: str) -> None:
        self._problems += 1
        if self._problems <= MOST_PROBLEMS:
            self._line(text)
        elif self._problems == MOST_PROBLEMS + 1:
            self._line("further problems are not shown; all of them are in the catalogue and in events.jsonl")

    def _line(self, text: str) -> None:
        if self._live:
            self._console.print(text, markup=False, highlight=False)
        else:
            warn(text)


def summary(result: RunSummary) -> str:
    """A run's end in one line."""
    words = [f"{result.done} of {result.total} galaxies" if result.cancelled else f"{result.total} galaxies"]
    if result.fitted and result.seconds:
        words.append(
            f"{result.fitted} fitted now in {result.seconds:.1f} s ({result.fitted / result.seconds:.1f}/s)"
        )
    elif not result.cancelled:
        words.append("finished already, nothing left to do")
    if result.flag_counts:
        words.append(", ".join(f"{count} {name}" for name, count in result.flag_counts.items()))
    state = "stopped; the same command goes on: " if result.cancelled else ""
    return f"{state}{'; '.join(words)}; run directory {result.out}"
