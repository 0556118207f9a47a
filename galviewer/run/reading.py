"""Files to galaxies with start values, ahead of the fit: in threads, or in processes for a hungry GPU."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from galviewer.errors import InputError
from galviewer.survey import Entry, Galaxy, SurveySettings

if TYPE_CHECKING:
    from galviewer.model import Model


@dataclass(frozen=True)
class Prepared:
    """One galaxy as read, or why it could not be.

    Parameters
    ----------
    name : str
        Of the entry.
    galaxy : Galaxy or None
        None if it cannot be used.
    starts : ndarray, (P,), optional
        Measured start values; None leaves the measurement to the fit.
    flags : int
        Flag bits of the measurement.
    reason : str
        Why there is no galaxy.
    """

    name: str
    galaxy: Galaxy | None = None
    starts: np.ndarray | None = None
    flags: int = 0
    reason: str = ""


def prepare(entries: Sequence[Entry], settings: SurveySettings, model: Model) -> list[Prepared]:
    """Read galaxies and measure their start values; whatever goes wrong with one is its own affair."""
    return [_prepare_one(entry, settings, model) for entry in entries]


def _prepare_one(entry: Entry, settings: SurveySettings, model: Model) -> Prepared:
    from galviewer import guess, survey

    try:
        galaxy = survey.read(entry, settings)
    except InputError as error:
        return Prepared(entry.name, reason=str(error).removeprefix(f"{entry.name}: "))
    except Exception as error:  # a file that breaks the reader must not end the run of all others
        return Prepared(entry.name, reason=f"reading failed unexpectedly ({type(error).__name__}: {error})")
    try:
        starts, bits = guess.starts(galaxy, model)
    except Exception:  # the fit measures once more and reports what is wrong
        return Prepared(entry.name, galaxy)
    return Prepared(entry.name, galaxy, starts, int(bits))


class Reader:
    """Prepares the parts of a plan some way ahead of the fit.

    Parameters
    ----------
    settings : SurveySettings
        How galaxies are read.
    model : Model
        For the start values.
    processes : int
        0 reads in two threads; otherwise so many processes.
    ahead : int
        Parts prepared in advance: bounds the memory.
    setup : callable, optional
        Run first in each process (registers the user's profiles).
    """

    def __init__(
        self,
        settings: SurveySettings,
        model: Model,
        processes: int = 0,
        ahead: int = 3,
        setup: Callable[[], None] | None = None,
    ) -> None:
        self._settings, self._model, self._ahead = settings, model, ahead
        self._pool = _processes(processes, setup) if processes else _threads()

    def parts(self, parts: Iterable[tuple[int, list[Entry]]]) -> Iterator[tuple[int, list[Prepared]]]:
        """Number and galaxies of each part, in order.

        Parameters
        ----------
        parts : iterable of (number, entries)
            What to read.
        """
        waiting: deque[tuple[int, list[Entry], Future[list[Prepared]]]] = deque()
        shared: dict[bytes, np.ndarray] = {}
        for number, entries in parts:
            waiting.append((number, entries, self._submit(entries)))
            if len(waiting) > self._ahead:
                yield self._next(waiting, shared)
        while waiting:
            yield self._next(waiting, shared)

    def close(self) -> None:
        """Give up what is not read yet."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, entries: list[Entry]) -> Future[list[Prepared]]:
        try:
            return self._pool.submit(prepare, entries, self._settings, self._model)
        except BrokenProcessPool:
            self._pool = _threads()
            return self._pool.submit(prepare, entries, self._settings, self._model)

    def _next(
        self, waiting: deque[tuple[int, list[Entry], Future[list[Prepared]]]], shared: dict[bytes, np.ndarray]
    ) -> tuple[int, list[Prepared]]:
        number, entries, future = waiting.popleft()
        try:
            prepared = future.result()
        except BrokenProcessPool:  # a reader was killed, say for memory: this process reads itself
            prepared = prepare(entries, self._settings, self._model)
        return number, [_with_shared_psf(item, shared) for item in prepared]


def _threads() -> Executor:
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="galviewer-read")


def _processes(number: int, setup: Callable[[], None] | None) -> Executor:
    import multiprocessing

    context = multiprocessing.get_context(
        "spawn"
    )  # a fork would copy torch's locks in whatever state they are
    return ProcessPoolExecutor(max_workers=number, mp_context=context, initializer=setup)


def _with_shared_psf(item: Prepared, shared: dict[bytes, np.ndarray]) -> Prepared:
    """Equal PSFs as one array: the fit transforms it once, however and wherever it was read."""
    if item.galaxy is None or item.galaxy.psf is None:
        return item
    psf = item.galaxy.psf
    key = repr(psf.shape).encode() + psf.tobytes()
    known = shared.setdefault(key, psf)
    if len(shared) > 8:  # one PSF each: nothing to share, nothing to keep
        shared.clear()
    return item if known is psf else replace(item, galaxy=replace(item.galaxy, psf=known))
