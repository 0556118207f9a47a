"""How far a run is: its events file read as it grows, and the tally kept from it."""

from __future__ import annotations

import json
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from galviewer import flags

RATE_WINDOW = 60.0
"""Seconds of the past the rate is taken from: long enough for several batches, short enough to follow."""


@dataclass(frozen=True)
class Progress:
    """A run's state at one moment.

    Parameters
    ----------
    phase : str
        "new" (nothing yet), "starting", "running", "cancelling", "cancelled", "finished" or "failed".
    total : int
        Galaxies the run will have looked at in the end; 0 while unknown.
    done : int
        Galaxies with an outcome: fitted, failed or skipped.
    failed, skipped : int
        Of these, fits without usable values, and inputs that could not be fitted.
    flags : dict
        Galaxies per value of the flags column.
    rate : float
        Galaxies per second lately; 0 while unknown.
    seconds_left : float or None
        Estimate; None while unknown.
    seconds : float
        Since the present process started.
    memory : float
        Of the process and its children, MB.
    parts : int
        Catalogue parts written.
    message : str
        Why the run failed.
    reasons : dict
        Name of a skipped galaxy -> why.
    """

    phase: str = "new"
    total: int = 0
    done: int = 0
    failed: int = 0
    skipped: int = 0
    flags: dict[int, int] = field(default_factory=dict)
    rate: float = 0.0
    seconds_left: float | None = None
    seconds: float = 0.0
    memory: float = 0.0
    parts: int = 0
    message: str = ""
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        """Whether a process is at work."""
        return self.phase in ("starting", "running", "cancelling")


class EventTail:
    """Reads a growing file of JSON lines: every complete line once.

    Parameters
    ----------
    path : Path
        The file; need not exist yet. If it shrinks, it is taken as new and read from its beginning.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0

    def read(self) -> list[dict[str, Any]]:
        """Events written since the last call; a line still being written waits for the next one."""
        try:
            with self.path.open("rb") as file:
                file.seek(0, 2)
                if file.tell() < self._offset:
                    self._offset = 0
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        self._offset += len(complete)
        events = []
        for line in complete.splitlines():
            try:
                event = json.loads(line)
            except ValueError:  # cut by a kill, then appended to by the run that went on
                continue
            if isinstance(event, dict):
                events.append(event)
        return events


class Tally:
    """Counts kept from a run's events, over all its starts."""

    def __init__(self) -> None:
        self.phase = "new"
        self.started = 0.0
        self._ended = 0.0
        self._total = 0
        self._outcome: dict[str, int] = {}  # a galaxy lost with a killed batch is fitted again, counted once
        self._counts: Counter[int] = Counter()
        self._reasons: dict[str, str] = {}
        self._times: list[float] = []
        self._parts = 0

    def add(self, event: dict[str, Any]) -> None:
        """Take one event into account; unknown ones are ignored."""
        kind, when = event.get("event"), float(event.get("time") or 0.0)
        if kind == "start":
            self.phase, self.started, self._times = "running", when, []
            self._total = int(event.get("total") or self._total)
        elif kind == "galaxy":
            self._note(str(event.get("name")), int(event.get("flags") or 0))
            self._times.append(when)
        elif kind == "skip":
            name = str(event.get("name"))
            self._note(name, int(event.get("flags") or 0) | int(flags.Flag.SKIPPED))
            self._reasons[name] = str(event.get("reason") or event.get("message") or "")
        elif kind == "part":
            self._parts += 1
        elif kind in ("cancel", "end"):
            self.phase, self._ended = ("cancelled" if kind == "cancel" else "finished"), when

    def _note(self, name: str, bits: int) -> None:
        """A galaxy's outcome; a later one replaces it."""
        if name in self._outcome:
            self._counts[self._outcome[name]] -= 1
        self._outcome[name] = bits
        self._counts[bits] += 1

    def progress(self, phase: str, memory: float = 0.0, message: str = "") -> Progress:
        """The counts as a `Progress` of the given phase."""
        counts = {bits: number for bits, number in self._counts.items() if number}
        skipped = sum(number for bits, number in counts.items() if bits & flags.Flag.SKIPPED)
        failures = flags.FAILURES & ~flags.Flag.SKIPPED
        done = len(self._outcome)
        live = phase in ("starting", "running", "cancelling")
        now = time.time() if live else (self._ended or self.started)
        rate = self._rate(now)
        left = (max(self._total, done) - done) / rate if live and rate else None
        return Progress(
            phase=phase,
            total=max(self._total, done),
            done=done,
            failed=sum(n for bits, n in counts.items() if bits & failures and not bits & flags.Flag.SKIPPED),
            skipped=skipped,
            flags=counts,
            rate=rate,
            seconds_left=left,
            seconds=max(0.0, now - self.started) if self.started else 0.0,
            memory=memory,
            parts=self._parts,
            message=message,
            reasons=dict(self._reasons),
        )

    def _rate(self, now: float) -> float:
        """Galaxies per second over the last minute, or since the start if that is shorter."""
        since = max(self.started, now - RATE_WINDOW)
        recent = len(self._times) - bisect_left(self._times, since)  # events are written in order of time
        return recent / max(now - since, 1e-3) if recent else 0.0
