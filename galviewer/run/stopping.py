"""Asking a run to stop: Ctrl-C, the system's terminate signal, or a file ``cancel`` in its directory."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType


class Stop:
    """Whether a run has been asked to stop.

    Parameters
    ----------
    file : Path
        Looked for each time; deleted when the run begins and when it has obeyed.
    """

    def __init__(self, file: Path) -> None:
        self._file, self._event = file, threading.Event()

    @property
    def requested(self) -> bool:
        """Whether to stop after the part in hand."""
        return self._event.is_set() or self._file.exists()

    def request(self) -> None:
        """Ask to stop."""
        self._event.set()

    def clear_file(self) -> None:
        """Delete the file."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Turn the first Ctrl-C (or SIGTERM) into a request; the second one ends the process at once.

        Outside of the main thread signals cannot be caught and are left alone.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        caught = [signal.SIGINT, signal.SIGTERM]
        before = {number: signal.getsignal(number) for number in caught}

        def handle(number: int, frame: FrameType | None) -> None:
            if self._event.is_set():
                raise KeyboardInterrupt
            self._event.set()

        for number in caught:
            signal.signal(number, handle)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
