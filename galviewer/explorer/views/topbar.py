"""The bar at the top: source, pages, position in the queue, what is running, export, theme."""

from __future__ import annotations

from typing import Any

import panel as pn
import param

from galviewer.explorer.component import Component, static
from galviewer.explorer.state import State


class TopStrip(Component):
    """See static/topbar.js."""

    extra = pn.custom.Child()
    source = param.String("")
    source_path = param.String("")
    galaxy = param.String("")
    position = param.Integer(0)
    count = param.Integer(0)
    busy = param.String("")
    page = param.String("fit")
    pages = param.List([])

    _esm = static("shared.js", "topbar.js")
    _stylesheets = [static("base.css", "topbar.css")]


class TopBar:
    """The top bar of one session.

    Parameters
    ----------
    state : State
        Watched for where the session is.
    session : str
        Suffix of model names.
    pages : list of (key, label)
        The pages that exist.
    extra : Viewable
        Stands at the right: the export menu.
    """

    def __init__(self, state: State, session: str, pages: list[list[str]], extra: Any) -> None:
        self._state = state
        actions = {
            "move": lambda m: state.move(int(m["steps"])),
            "page": lambda m: state.param.update(page=str(m["page"])),
            "theme": lambda _: state.param.update(dark=not state.dark),
        }
        self.view = TopStrip(
            actions, session=session, pages=pages, extra=extra, sizing_mode="stretch_width", height=46
        )
        state.param.watch(self._show, ["source", "names", "name", "busy", "page"])
        self._show()

    def _show(self, *_: Any) -> None:
        state = self._state
        place = state.source.run or state.source.folder
        self.view.param.update(
            source=state.source.label,
            source_path=str(place or ""),
            galaxy=state.name,
            position=state.names.index(state.name) + 1 if state.name in state.names else 0,
            count=len(state.names),
            busy=state.busy,
            page=state.page,
        )
