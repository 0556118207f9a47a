"""From RunSettings to a finished run directory, begun or resumed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from galviewer import profiles, survey
from galviewer.errors import GalviewerError, RunError, SettingsError
from galviewer.model import to_toml
from galviewer.run.directory import RunDirectory, versions
from galviewer.run.events import EventLog, Listener
from galviewer.run.neighbours import FITTED
from galviewer.run.planning import Plan, make_plan, repeat_plan
from galviewer.run.settings import (
    RUN_IDENTITY,
    RunSettings,
    differences,
    from_document,
    load_profiles,
    to_document,
)
from galviewer.run.stopping import Stop
from galviewer.run.work import RunSummary, Work


def execute(settings: RunSettings, on_event: Listener | None = None, stop: Stop | None = None) -> RunSummary:
    """Fit a folder into a run directory, or go on where an earlier start of the same run ended.

    Parameters
    ----------
    settings : RunSettings
        What to do.
    on_event : callable, optional
        Called with each event (see `galviewer.run.events`), from any thread, one at a time.
    stop : Stop, optional
        Lets the caller stop the run; Ctrl-C and a file ``cancel`` in the directory do in any case.

    Returns
    -------
    RunSummary
        How it ended.

    Raises
    ------
    RunError
        If another process writes there, the directory holds another run or its inputs changed, or it
        cannot be written.
    SettingsError, ModelError
        If settings make no sense.
    """
    began = time.perf_counter()
    load_profiles(settings)
    fit_settings = settings.fit_settings()
    device = _device(settings.device)
    directory = RunDirectory(settings.out)
    directory.create(neighbours=settings.neighbours in FITTED)
    stop = stop or Stop(directory.cancel)
    with contextlib.ExitStack() as stack:
        stack.enter_context(directory.locked())
        stop.clear_file()
        stack.enter_context(stop.on_signals())
        directory.remove_partial_files()
        plan, problems = _plan(settings, directory, on_gpu=device.startswith("cuda"))
        log = EventLog(directory.events, on_event)
        stack.callback(log.close)
        stack.callback(stop.clear_file)
        work = Work(settings, fit_settings, directory, plan, log, stop)
        work.announce(device, problems)
        stack.enter_context(_threads(settings.threads))
        try:
            work.fit_all(device)
        except KeyboardInterrupt:  # the second Ctrl-C: no waiting, but the parts written count
            work.finish(time.perf_counter() - began)
            raise
        except GalviewerError as error:
            with contextlib.suppress(GalviewerError):  # the disk may be full for the log as well
                log.emit("error", message=str(error))
            raise
        return work.finish(time.perf_counter() - began)


def resume(out: str, on_event: Listener | None = None, **changes: Any) -> RunSummary:
    """Go on with a run as it was begun.

    Parameters
    ----------
    out : str
        Run directory.
    on_event : callable, optional
        As for `execute`.
    **changes
        Fields of `RunSettings` that may differ: folder (where the same galaxies lie now), device, threads.

    Raises
    ------
    RunError
        If there is no run, or its inputs changed.
    """
    return execute(stored_settings(out, **changes), on_event)


def stored_settings(out: str, **changes: Any) -> RunSettings:
    """The settings that a run was begun with, some of them replaced.

    Raises
    ------
    RunError
        If there is no run.
    """
    document, model = RunDirectory(out).read_document()
    for path in document["run"].get("profiles", ()):
        profiles.load_user_profiles(path)
    return replace(from_document(document, model, out), **changes)


def _plan(
    settings: RunSettings, directory: RunDirectory, on_gpu: bool
) -> tuple[Plan, tuple[survey.Problem, ...]]:
    """The stored plan if the directory holds this run, otherwise a new one, stored."""
    identity = settings.identity()
    if directory.planned:
        _check_same_settings(directory, identity, settings.out)
    elif directory.parts():
        raise RunError(
            settings.out,
            "holds a catalogue but no run.toml",
            "an empty directory or a run",
            "choose another --out",
        )
    found = survey.scan(settings.folder, settings.survey)
    entries = found.entries[: settings.limit]
    if not entries:
        first = f" ({found.problems[0]})" if found.problems else ""
        raise SettingsError(
            settings.folder, f"holds no galaxy{first}", f"files like {settings.survey.image_pattern}.fits",
            "see galviewer check",
        )  # fmt: skip
    if directory.planned:
        return repeat_plan(entries, directory.read_inputs(), settings.out), found.problems
    plan = make_plan(entries, on_gpu=on_gpu)
    directory.write_inputs(plan.rows())
    document = to_document(settings, identity)
    document["inputs"] = {"galaxies": len(plan), "parts": len(plan.parts), "checksum": plan.checksum}
    document["versions"] = versions()
    directory.write_document(document, to_toml(settings.model))
    return plan, found.problems


def _check_same_settings(directory: RunDirectory, identity: dict[str, Any], out: str) -> None:
    document, model = directory.read_document()
    stored = {"model": model, "survey": document["survey"], "fit": document["fit"], "run": document["run"]}
    before = {"ladder": "", "neighbours": "off"}  # what runs of earlier versions had
    stored["run"] = before | {key: value for key, value in stored["run"].items() if key in RUN_IDENTITY}
    changed = differences(stored, identity)
    if changed:
        raise RunError(
            out, "holds a run with other settings: " + ", ".join(changed), "the settings it was begun with",
            "repeat them, or choose another --out",
        )  # fmt: skip


def _device(wanted: str) -> str:
    from galviewer.fit import choose_device

    return str(choose_device(wanted))


def _cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """Torch with so many threads, as before afterwards; by default one core is left to reading and writing.

    Torch's threads wait for each other by spinning: on a core that somebody else uses, one of them holds up
    all the others, and a run on two cores takes ten times as long with two threads as with one.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number or max(1, min(before, _cores() - 1)))
    try:
        yield
    finally:
        torch.set_num_threads(before)
