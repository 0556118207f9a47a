"""The queue: every galaxy of the source with its state, at the left."""

from __future__ import annotations

import math
from typing import Any

import param

from galviewer.explorer.component import Component, static
from galviewer.explorer.source import Row
from galviewer.explorer.state import State

_FEW = 100


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
        self.view = QueueList(
            {"select": lambda m: state.select(str(m["name"]))}, session=session, sizing_mode="stretch_both"
        )
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
        shown = [
            [row.name, row.chi2_nu, row.status]
            for row in (rows.get(name) or Row(name) for name in state.names)
        ]
        before = self.view.rows
        changed = [[k, row] for k, row in enumerate(shown) if k < len(before) and row != before[k]]
        if len(before) == len(shown) and len(changed) < _FEW:
            # After a fit only its own row travels, not ten thousand.
            for k, row in changed:
                before[k] = row
            self.view._send_msg({"changed": changed})
        else:
            self.view.rows = shown
