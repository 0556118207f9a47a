"""Looking through a folder before a run: how many galaxies, and what is wrong with which files."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galviewer.errors import GalviewerError

if TYPE_CHECKING:
    from galviewer.survey import SurveySettings

PATIENCE = 30.0
"""Seconds without a look at the findings after which reading stops: the page was closed."""

KEPT = 500
"""Findings kept in words; all are counted."""


@dataclass(frozen=True)
class Findings:
    """What has been found so far.

    Parameters
    ----------
    found, read, usable : int
        Galaxies in the folder, read so far, and usable among them.
    errors, repaired, notes : int
        Problems by severity.
    problems : tuple of (severity, sentence)
        The first `KEPT`, errors first.
    done : bool
        Whether it has come to its end.
    reads : bool
        Whether galaxies are read at all, or only counted.
    """

    found: int = 0
    read: int = 0
    usable: int = 0
    errors: int = 0
    repaired: int = 0
    notes: int = 0
    problems: tuple[tuple[str, str], ...] = ()
    done: bool = False
    reads: bool = True


class Preflight:
    """Reads every galaxy of a folder once, in a thread.

    Parameters
    ----------
    folder : str
        Folder of FITS files.
    settings : SurveySettings
        How to read it.
    reads : bool
        False only counts them, which is quick: no pixels are read.
    """

    def __init__(self, folder: str, settings: SurveySettings, reads: bool = True) -> None:
        self._folder, self._settings, self._reads = folder, settings, reads
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._looked_at = time.monotonic()
        self._counts = {"found": 0, "read": 0, "usable": 0, "error": 0, "repaired": 0, "note": 0}
        self._problems: dict[str, list[str]] = {"error": [], "repaired": [], "note": []}
        self._done = False
        self._thread = threading.Thread(target=self._work, name="galviewer-check", daemon=True)

    def start(self) -> Preflight:
        """Begin reading."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End after the galaxy in hand."""
        self._stop.set()

    def wait(self, timeout: float) -> bool:
        """Wait for the end; False after `timeout` seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def findings(self) -> Findings:
        """What has been found so far; looking keeps the reading going."""
        self._looked_at = time.monotonic()
        with self._lock:
            counts, done = dict(self._counts), self._done
            problems = [(kind, text) for kind, texts in self._problems.items() for text in texts]
        return Findings(
            found=max(counts["found"], counts["read"]),
            read=counts["read"],
            usable=counts["usable"],
            errors=counts["error"],
            repaired=counts["repaired"],
            notes=counts["note"],
            problems=tuple(problems[:KEPT]),
            done=done,
            reads=self._reads,
        )

    def _work(self) -> None:
        """The thread."""
        from galviewer import survey

        try:
            found = survey.scan(self._folder, self._settings)
            with self._lock:
                self._counts["found"] = len(found.entries)
            if not self._reads:
                self._note(False, False, list(found.problems))
                return
            for entry, galaxy, problems in survey.check(self._folder, self._settings):
                self._note(bool(entry.paths), galaxy is not None, problems)
                if self._stop.is_set() or time.monotonic() - self._looked_at > PATIENCE:
                    return
        except GalviewerError as error:
            self._add("error", str(error))
        finally:
            self._done = True

    def _note(self, counts: bool, usable: bool, problems: list) -> None:
        """Take over what was said of one galaxy."""
        for problem in problems:
            self._add(problem.severity, str(problem))
        with self._lock:
            self._counts["read"] += counts
            self._counts["usable"] += usable

    def _add(self, severity: str, sentence: str) -> None:
        """Count a problem and keep its words while there is room."""
        with self._lock:
            self._counts[severity] += 1
            if len(self._problems[severity]) < KEPT:
                self._problems[severity].append(sentence)
