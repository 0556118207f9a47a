"""The queue: every galaxy of the source with its state, at the left."""

from __future__ import annotations

import math
from typing import Any

import param

from galviewer.explorer.component import Component, static
from galviewer.explorer.source import Row
from galviewer.explorer.state import State


class QueueList(Component):
    """Search box and list; only visible rows exist in the browser's page."""

    rows = param.List([])
    current = param.String("")

    _esm = static("shared.js", "queue.js")
    _stylesheets = [static("base.css", "queue.css")]


class Queue:
    """The queue of one session.

    Parameters
    ----------
    state : State
        Watched for names, results and the current galaxy.
    session : str
        Suffix of model names.
    """

    def __init__(self, state: State, session: str) -> None:
        self._state = state
        self.view = QueueList({"select": lambda m: state.select(str(m["name"]))}, session=session, sizing_mode="stretch_both")
        state.param.watch(self._list, ["names", "revision"])
        state.param.watch(self._mark, ["name"])
        self._list()
        self._mark()

    def _mark(self, *_: Any) -> None:
        self.view.current = self._state.name

    def _list(self, *_: Any) -> None:
        state = self._state
        rows = dict(state.source.rows())
        for name, fit in state.results.items():
            rows[name] = Row(name, float(fit.chi2_nu) if math.isfinite(fit.chi2_nu) else None, int(fit.flags))
        self.view.rows = [
            [row.name, row.chi2_nu, row.status] for row in (rows.get(name) or Row(name) for name in state.names)
        ]
