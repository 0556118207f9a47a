"""The Batch page: a folder is chosen, looked through, fitted by a child process, and its results inspected.

The page asks for news by itself (`static/batch_page.js`); nothing here runs while nobody looks.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import param

from galviewer import flags
from galviewer.errors import GalviewerError
from galviewer.explorer.batch import FILE, PRESENT, Batch
from galviewer.explorer.component import Component, static
from galviewer.explorer.jobs import PSF_KINDS, failures_by_flag
from galviewer.model import TEMPLATES

if TYPE_CHECKING:
    from galviewer.explorer.state import State

_SUFFIXES = {
    "folder": (".csv", ".ecsv"),
    "psf": (".fits", ".fit", ".fits.gz", ".fits.fz"),
    "model_file": (".toml",),
    "out": (),
}
"""Files offered while a path is typed."""

_KINDS = {
    "effective": "effective: contains the pixel",
    "optical": "optical: without it, as GALFIT",
}


class BatchPage(Component):
    """The page as a component; `build` makes one.

    Parameters
    ----------
    batch : Batch
        What it shows.
    """

    form = param.Dict(default={})
    lists = param.Dict(default={})
    check = param.Dict(default={})
    progress = param.Dict(default={})
    table = param.Dict(default={})
    notice = param.Dict(default={})

    _esm = static("shared.js", "batch_page.js")
    _stylesheets = [static("base.css", "batch_page.css")]

    def __init__(self, batch: Batch, **params: Any) -> None:
        self._batch = batch
        self._view: dict[str, Any] = {"sort": "name"}
        super().__init__(form=dict(batch.form), lists=_lists(), sizing_mode="stretch_both", **params)
        self._look()

    def _handle_msg(self, data: dict[str, Any]) -> None:
        """One message of the page; what goes wrong is said on it."""
        action = _ACTIONS.get(data.get("do", ""))
        if action is None:
            return
        try:
            action(self, data)
        except GalviewerError as error:
            self.notice = {"kind": "error", "text": str(error)}
        except OSError as error:
            self.notice = {"kind": "error", "text": f"{error.filename or 'file'}: {error.strerror}"}

    def _fill(self, data: dict[str, Any]) -> None:
        self._batch.fill(data.get("values", {}))
        self._look()

    def _check(self, data: dict[str, Any]) -> None:
        self.notice = {}
        self._batch.check()
        self._look()

    def _start(self, data: dict[str, Any]) -> None:
        self.notice = {}
        self._batch.start()
        self._look()

    def _resume(self, data: dict[str, Any]) -> None:
        self.notice = {}
        self._batch.resume()
        self._look()

    def _cancel(self, data: dict[str, Any]) -> None:
        self._batch.cancel()
        self._look()

    def _kill(self, data: dict[str, Any]) -> None:
        self._batch.kill()
        self._look()

    def _inspect(self, data: dict[str, Any]) -> None:
        self._batch.inspect(str(data.get("name", "")))

    def _complete(self, data: dict[str, Any]) -> None:
        field = str(data.get("field", ""))
        if field in _SUFFIXES:
            paths = self._batch.suggestions(str(data.get("text", "")), _SUFFIXES[field])
            self._send_msg({"field": field, "paths": paths})

    def _see(self, data: dict[str, Any]) -> None:
        view = data.get("view", {})
        self._view = {
            "offset": int(view.get("offset", 0)),
            "limit": int(view.get("limit", 100)),
            "sort": str(view.get("sort", "")),
            "descending": bool(view.get("descending", False)),
            "flag": str(view.get("flag", "")),
            "search": str(view.get("search", "")),
        }
        self._look()

    def _look(self, data: dict[str, Any] | None = None) -> None:
        """Send what has changed; equal dictionaries are not sent."""
        progress = _progress(self._batch)
        page = self._batch.page(**self._view)
        units = self._batch.results.units if self._batch.results else {}
        changes: dict[str, Any] = {"progress": progress, "table": {**_plain(asdict(page)), "units": units}}
        if self._batch.preflight:
            changes["check"] = _plain(asdict(self._batch.preflight.findings()))
        self.param.update(**{key: value for key, value in changes.items() if getattr(self, key) != value})


_ACTIONS = {
    "fill": BatchPage._fill,
    "check": BatchPage._check,
    "start": BatchPage._start,
    "resume": BatchPage._resume,
    "cancel": BatchPage._cancel,
    "kill": BatchPage._kill,
    "inspect": BatchPage._inspect,
    "complete": BatchPage._complete,
    "view": BatchPage._see,
    "tick": BatchPage._look,
}


def build(state: State) -> BatchPage:
    """The Batch page of a session."""
    return BatchPage(Batch(state))


def _progress(batch: Batch) -> dict[str, Any]:
    """What the progress card shows."""
    progress = batch.progress()
    meanings = {info.name: f"{info.sentence}: {info.advice}" for info in flags.REGISTRY.values()}
    by_flag = failures_by_flag(progress.flags)
    return {
        "phase": progress.phase,
        "live": progress.live,
        "directory": str(batch.job.directory) if batch.job else "",
        "resumable": not progress.live
        and progress.phase in ("cancelled", "failed")
        and batch.job is not None
        and batch.job.request is not None,
        "total": progress.total,
        "done": progress.done,
        "failed": progress.failed,
        "skipped": progress.skipped,
        "rate": progress.rate,
        "seconds": progress.seconds,
        "seconds_left": progress.seconds_left,
        "memory": progress.memory,
        "message": progress.message,
        "flags": by_flag,
        "meanings": {name: meanings[name] for name in by_flag},
    }


def _lists() -> dict[str, list[list[str]]]:
    """Choices of the form, each as value and label."""
    models = [
        [PRESENT, "the model of the Fit page"],
        *([name, name] for name in TEMPLATES),
        [FILE, "a TOML file …"],
    ]
    devices = [["auto", "auto"], ["cpu", "cpu"], ["cuda", "cuda"]]
    return {"models": models, "psf_kinds": [[kind, _KINDS[kind]] for kind in PSF_KINDS], "devices": devices}


def _plain(value: Any) -> Any:
    """Tuples as lists: what arrives in the browser, and compares equal to it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
