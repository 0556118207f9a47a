"""What happens in a run, as one JSON object per line.

========= =====================================================================================
start     total, done (of an earlier start), model, folder, device, pid, version, resumed
problem   whose, severity, message: a finding about the folder that belongs to no galaxy
galaxy    name, flags, chi2_nu, seconds: one fit
skip      name, flags, reason: one galaxy that could not be fitted
part      part, galaxies, done, total: one file of the catalogue is complete
note      message: something worth knowing
error     message: why the run had to stop; it can be resumed once that is mended
cancel    done, total: stopped on request; what is done is kept
end       done, total, failed, skipped, seconds: nothing is left to do
========= =====================================================================================

Every event also has ``event`` and ``time`` (seconds since 1970).
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from galviewer.products.files import unwritable

Event = dict[str, Any]
Listener = Callable[[Event], None]


class EventLog:
    """Appends events to a file and passes them on; one at a time, whatever thread they come from.

    Parameters
    ----------
    path : Path
        ``events.jsonl``; a line cut short by an earlier kill is closed first.
    listener : callable, optional
        Called with every event, after it is on disk.

    Raises
    ------
    RunError
        If the file cannot be written.
    """

    def __init__(self, path: Path, listener: Listener | None = None) -> None:
        self._path, self._listener, self._lock = path, listener, threading.Lock()
        try:
            self._file = path.open("ab")
            if self._file.tell() and path.read_bytes()[-1:] != b"\n":
                self._file.write(b"\n")
        except OSError as error:
            raise unwritable(path, error) from error

    def emit(self, event: str, **values: Any) -> None:
        """Write one event.

        Raises
        ------
        RunError
            If the file cannot be written.
        """
        record = {"event": event, "time": round(time.time(), 3)} | values
        line = json.dumps({key: _finite(value) for key, value in record.items()}, ensure_ascii=False)
        with self._lock:
            try:
                self._file.write(line.encode() + b"\n")
                self._file.flush()
            except OSError as error:
                raise unwritable(self._path, error) from error
            if self._listener is not None:
                self._listener(record)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()


def read_events(path: Path) -> Iterator[Event]:
    """The events of a run, oldest first; lines cut short by a kill are left out."""
    try:
        data = path.read_bytes()
    except OSError:
        return
    for line in data.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            yield record


def _finite(value: Any) -> Any:
    """JSON has no nan: null instead."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
