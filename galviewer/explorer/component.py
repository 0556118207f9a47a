"""A part of the page written as plain HTML, CSS and JavaScript in one shadow root.

JavaScript sends messages that run one of the component's actions; Python answers with ``_send_msg`` or by
setting parameters. Compared with stacks of widgets this costs one view per part, no debounce, and one look.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import panel as pn
import param

STATIC = Path(__file__).with_name("static")


@cache
def static(*names: str) -> str:
    """The named files of ``static/``, one after the other."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


class Component(pn.custom.JSComponent):
    """Base of the page's parts.

    Subclass names must not start with an underscore: Bokeh hides such models from browsers.

    Parameters
    ----------
    session : str
        Names this explorer's bus and Bokeh models among others in the same page.
    """

    session: str = param.String()  # type: ignore[assignment]

    _esm = "export function render() {}"
    _stylesheets = [static("base.css")]

    def __init__(
        self, actions: dict[str, Callable[[dict[str, Any]], None]] | None = None, **params: Any
    ) -> None:
        super().__init__(**params)
        self._actions = actions or {}

    @classmethod
    def _patch_datamodel_ref(cls, props: Any, ref: str) -> None:
        """Tag this part's own data with its root, as Panel does for all below by walking through every model.

        Children are tagged by their own parts, and a walk over the whole page at each parameter costs 20 ms.
        """
        tag = f"__ref:{ref}"
        if tag not in props.tags:
            props.tags.append(tag)

    def _handle_msg(self, data: Any) -> None:
        """Run the action that the browser names; unknown messages are ignored."""
        if isinstance(data, dict) and data.get("type") in self._actions:
            # All that the action changes travels in one websocket message.
            with pn.io.unlocked():
                self._actions[data["type"]](data)
