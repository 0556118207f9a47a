"""The parts of one start of a run: read, fit, write, at the same time.

Reading (threads or processes) stays a few parts ahead; the fit has the main thread; writing (one thread)
follows with at most a few parts waiting. Memory is bounded by these queues, not by the number of galaxies.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from galviewer import flags
from galviewer.products import GalaxyFit, blocks, catalogue, tables
from galviewer.products.companions import companions
from galviewer.products.neighbours import NEIGHBOUR_COLUMNS, neighbour_rows
from galviewer.run import half_light
from galviewer.run.directory import RunDirectory, versions
from galviewer.run.events import EventLog
from galviewer.run.neighbours import FITTED
from galviewer.run.planning import Plan
from galviewer.run.reading import Prepared, Reader
from galviewer.run.settings import RunSettings, load_profiles, settings_hash
from galviewer.run.stopping import Stop
from galviewer.run.uncertainties import seed_of, with_bootstrap

if TYPE_CHECKING:
    from galviewer import survey
    from galviewer.fit import FitSettings

_WAITING = 3
"""Parts that may wait for the writer."""

_MANY = 400
"""Galaxies from which reading in processes pays for starting them, if a GPU fits."""


@dataclass(frozen=True)
class RunSummary:
    """How a run ended.

    Parameters
    ----------
    out : str
        Run directory.
    total, done : int
        Galaxies planned, and those with a row in the catalogue.
    fitted : int
        Fitted by this start of the run; the rest was there before.
    failed, skipped : int
        Of those done: fits without usable values, and inputs that could not be read.
    flag_counts : dict
        Flag name to galaxies.
    seconds : float
        Of this start.
    cancelled : bool
        Stopped on request.
    """

    out: str
    total: int
    done: int
    fitted: int
    failed: int
    skipped: int
    flag_counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    cancelled: bool = False


class Work:
    """The parts of one start of a run."""

    def __init__(
        self,
        settings: RunSettings,
        fit_settings: FitSettings,
        directory: RunDirectory,
        plan: Plan,
        log: EventLog,
        stop: Stop,
    ) -> None:
        self._settings, self._fit_settings, self._directory = settings, fit_settings, directory
        self._plan, self._log, self._stop = plan, log, stop
        self._infos = settings.columns()
        self._hash = settings_hash(settings.identity())
        self._versions = versions()
        self._finished = {k for k, part in enumerate(plan.parts) if _complete(directory, k, len(part))}
        self._before = sum(len(plan.parts[k]) for k in self._finished)
        self._done = self._before

    def announce(self, device: str, problems: tuple[survey.Problem, ...]) -> None:
        """Say what begins, and what is known to be wrong with the folder."""
        self._log.emit(
            "start",
            total=len(self._plan),
            done=self._done,
            resumed=self._done > 0,
            model=self._settings.model_name,
            folder=self._settings.folder,
            device=device,
            pid=os.getpid(),
            version=self._versions.get("galviewer", ""),
        )
        stored = self._directory.read_document()[0].get("versions", {})
        changed = [f"{p} {stored[p]} -> {v}" for p, v in self._versions.items() if stored.get(p, v) != v]
        if changed:
            self._log.emit("note", message="this run was begun with other versions: " + ", ".join(changed))
        for problem in problems:
            self._log.emit("problem", whose=problem.whose, severity=problem.severity, message=str(problem))

    def fit_all(self, device: str) -> None:
        """Read, fit and write every part that is not there, until done or asked to stop."""
        todo = [k for k in range(len(self._plan.parts)) if k not in self._finished]
        if not todo:
            return
        reader = Reader(
            self._settings.survey,
            self._settings.model,
            processes=_reading_processes(device, sum(len(self._plan.parts[k]) for k in todo)),
            setup=functools.partial(load_profiles, self._settings),
        )
        entries = (
            (k, [self._plan.entries[i] for i in self._plan.parts[k]])
            for k in todo
            if not self._stop.requested
        )
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="galviewer-write") as writer:
            waiting: list[Future[None]] = []
            try:
                for number, prepared in reader.parts(entries):
                    if self._stop.requested:
                        break
                    fits = self._fit(prepared)
                    waiting.append(writer.submit(self._write, number, prepared, fits))
                    while len(waiting) > _WAITING or (waiting and waiting[0].done()):
                        waiting.pop(0).result()
                for future in waiting:
                    future.result()
            except BaseException:
                writer.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                reader.close()

    def finish(self, seconds: float) -> RunSummary:
        """Count what is there and say how it ended."""
        bits = self._flags()
        failures = int(flags.FAILURES & ~flags.Flag.SKIPPED)
        skipped = int(np.count_nonzero(bits & int(flags.Flag.SKIPPED)))
        failed = int(np.count_nonzero((bits & failures != 0) & (bits & int(flags.Flag.SKIPPED) == 0)))
        counts = Counter(name for value in bits for name in flags.names(int(value)))
        total, cancelled = len(self._plan), self._done < len(self._plan)
        if cancelled:
            self._log.emit("cancel", done=self._done, total=total, seconds=round(seconds, 3))
        else:
            self._log.emit(
                "end", done=self._done, total=total, failed=failed, skipped=skipped, seconds=round(seconds, 3)
            )
        return RunSummary(
            out=self._settings.out,
            total=total,
            done=self._done,
            fitted=self._done - self._before,
            failed=failed,
            skipped=skipped,
            flag_counts=dict(counts.most_common()),
            seconds=seconds,
            cancelled=cancelled,
        )

    def _fit(self, prepared: list[Prepared]) -> dict[str, GalaxyFit]:
        """Fits of the readable galaxies by name."""
        from galviewer.run.single import fit_galaxies

        items = [item for item in prepared if item.galaxy is not None]
        galaxies = [item.galaxy for item in items if item.galaxy is not None]
        starts = [item.starts for item in items]
        settings = self._settings
        model = settings.ladder or settings.model
        fits = fit_galaxies(galaxies, model, self._fit_settings, starts, neighbours=settings.neighbours)
        if settings.errors == "bootstrap":
            fits = [with_bootstrap(fit, seed=seed_of(fit.name), settings=self._fit_settings) for fit in fits]
        return {
            item.name: replace(fit, flags=fit.flags | item.flags)
            for item, fit in zip(items, fits, strict=True)
        }

    def _write(self, number: int, prepared: list[Prepared], fits: dict[str, GalaxyFit]) -> None:
        """Blocks, then the part that vouches for them, then the news. Runs in the writer's thread."""
        rows, beside = [], []
        for item in prepared:
            fit = fits.get(item.name)
            if fit is None:
                skipped = catalogue.skipped_row(
                    item.name, self._settings.model, item.reason, infos=self._infos
                )
                rows.append(skipped | {"model": self._settings.model_name})
                continue
            row = catalogue.row(fit, half_light.find, self._infos)
            rows.append(row | companions(fit) if self._settings.companions else row)
            beside += neighbour_rows(fit)
            if self._settings.blocks:
                path = self._directory.block(item.name)
                blocks.write_block(fit, path, self._hash, self._versions)
        if self._settings.neighbours in FITTED:
            tables.write_part(beside, NEIGHBOUR_COLUMNS, self._directory.neighbour_part(number))
        tables.write_part(rows, self._infos, self._directory.part(number))
        for row in rows:
            if row["flags"] & flags.Flag.SKIPPED:
                self._log.emit("skip", name=row["name"], flags=row["flags"], reason=row["message"])
            else:
                news = {key: row[key] for key in ("name", "flags", "chi2_nu", "seconds")}
                self._log.emit("galaxy", **news)
        self._done += len(rows)
        self._log.emit("part", part=number, galaxies=len(rows), done=self._done, total=len(self._plan))

    def _flags(self) -> np.ndarray:
        parts = self._directory.parts()
        if not parts:
            return np.zeros(0, dtype=np.int64)
        import pyarrow.parquet as parquet

        read = [parquet.ParquetFile(path).read(columns=["flags"])["flags"].to_numpy() for path in parts]
        return np.concatenate(read)


def _complete(directory: RunDirectory, number: int, galaxies: int) -> bool:
    """Whether a part is there and whole; one that a failing disk spoiled is fitted again."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    path = directory.part(number)
    if not path.is_file():
        return False
    try:
        return parquet.read_metadata(path).num_rows == galaxies
    except (OSError, pa.ArrowException):
        return False


def _reading_processes(device: str, galaxies: int) -> int:
    """Processes that read: none where the fit needs the processor itself, or for few galaxies."""
    cores = os.cpu_count() or 1
    return min(8, cores - 1) if device.startswith("cuda") and galaxies >= _MANY and cores > 2 else 0
