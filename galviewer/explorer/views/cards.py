"""The component cards: what the browser needs to draw them, and what it may ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import param

from galviewer import profiles
from galviewer.errors import GalviewerError
from galviewer.explorer import ranges
from galviewer.explorer.component import Component, static
from galviewer.explorer.script import as_python
from galviewer.explorer.state import State
from galviewer.explorer.theme import component_colour
from galviewer.model import TEMPLATES, Tie, to_toml

_TICK_RANGE = 0.02


class CardList(Component):
    """Fit and Undo, chi2, one card per component."""

    components = param.List([])
    templates = param.List(list(TEMPLATES))
    profiles = param.List([])
    score = param.Dict({})
    busy = param.String("")
    undo_depth = param.Integer(0)

    _esm = static("shared.js", "parameter.js", "cards.js")
    _stylesheets = [static("base.css", "cards.css")]


class Cards:
    """The cards of one session.

    Parameters
    ----------
    state : State
        Watched for model, values and result; changed through its methods only.
    session : str
        Suffix of model names.
    """

    def __init__(self, state: State, session: str) -> None:
        self._state = state
        self._ranges: dict[str, ranges.SliderRange] = {}
        self._built: Any = None
        actions: dict[str, Callable[[dict[str, Any]], None]] = {
            "set": self._set,
            "settled": lambda _: self._settle(),
            "remember": lambda _: state.remember(),
            "fix": lambda m: state.set_fixed(m["column"], bool(m["on"])),
            "tie": self._tie,
            "bounds": self._bounds,
            "add": lambda m: state.add_component(str(m["profile"])),
            "duplicate": lambda m: state.duplicate_component(str(m["component"])),
            "remove": lambda m: state.remove_component(str(m["component"])),
            "template": lambda m: state.use_template(str(m["name"])),
            "measure": lambda _: state.measure(),
            "fit": lambda _: state.fit(),
            "undo": lambda _: state.undo(),
            "copy": self._copy,
        }
        self.view = CardList(
            {name: self._guarded(action) for name, action in actions.items()},
            session=session,
            sizing_mode="stretch_both",
            profiles=[[name, profiles.get(name).title] for name in profiles.names()],
        )
        state.param.watch(self._show, ["scene", "result", "galaxy", "model"])
        state.param.watch(self._progress, ["busy", "undo_depth"])
        self._show()
        self._progress()

    def _guarded(self, action: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
        """The action, with its complaints on the status line."""

        def run(message: dict[str, Any]) -> None:
            if self._state.galaxy is None:
                return
            try:
                action(message)
            except GalviewerError as error:
                self._state.tell("error", str(error))
                self._built = None
                self._show()
            except (KeyError, TypeError, ValueError) as error:
                self._state.tell("error", f"not understood: {error}")

        return run

    # ---- from the browser ------------------------------------------------------------------------

    def _set(self, message: dict[str, Any]) -> None:
        started = time.perf_counter()
        try:
            value = float(message["value"])
            if math.isfinite(value):
                self._state.set_value(str(message["column"]), value)
        finally:
            self.view._send_msg({"answer": message.get("number", 0)})
            self._state.timings.append(time.perf_counter() - started)

    def _tie(self, message: dict[str, Any]) -> None:
        to = str(message["to"])
        column = str(message["column"])
        old = self._state.model.parameters[self._state.model.index(column)].tied
        plus = old.plus if old is not None and old.to == to else ()  # the card shows the first term only
        factor, offset = float(message.get("factor", 1.0)), float(message.get("offset", 0.0))
        self._state.set_tie(column, Tie(to, factor, offset, plus) if to else None)

    def _bounds(self, message: dict[str, Any]) -> None:
        lower, upper = (message[k] for k in ("lower", "upper"))
        self._state.set_bounds(
            str(message["column"]),
            -math.inf if lower is None else float(lower),
            math.inf if upper is None else float(upper),
        )

    def _copy(self, message: dict[str, Any]) -> None:
        text = to_toml(self._state.model) if message["as"] == "toml" else as_python(self._state)
        self.view._send_msg({"copied": text})
        self._state.tell("info", f"model copied as {'TOML' if message['as'] == 'toml' else 'Python'}")

    # ---- to the browser ---------------------------------------------------------------------------

    def _progress(self, *_: Any) -> None:
        self.view.param.update(busy=self._state.busy, undo_depth=self._state.undo_depth)

    def _show(self, *_: Any) -> None:
        state = self._state
        if state.galaxy is None or state.scene is None or state.scene.model is not state.model:
            return
        key = (state.galaxy, state.model, state.result)
        if (
            self._built is None
            or any(a is not b for a, b in zip(key, self._built, strict=True))
            or self._outside()
        ):
            self._built = key
            self._lay_ranges()
            self.view.param.update(components=self._describe(), score=self._score())
        else:
            self.view._send_msg({"values": self._values(), "score": self._score()})

    def _settle(self) -> None:
        """After a drag: lay the slider's range anew if the value came close to its end."""
        if self._outside(_TICK_RANGE):
            self._built = None
            self._show()

    def _outside(self, margin: float = -1e-9) -> bool:
        """Whether a value left its slider's range (by less than `margin` of it from the inside)."""
        for column, parameter, value in zip(
            self._state.model.columns, self._state.model.parameters, self._state.values, strict=True
        ):
            shown = self._ranges.get(column)
            if shown is None:
                return True
            if parameter.tied is not None:
                continue
            pad = margin * (shown.high - shown.low)
            low, high = shown.low + pad, shown.high - pad
            if parameter.scale == "log" and margin > 0:
                low, high = shown.low * (1 + margin), shown.high * (1 - margin)
            if (value < low and shown.low > parameter.lower) or (
                value > high and shown.high < parameter.upper
            ):
                return parameter.scale != "angle"
        return False

    def _lay_ranges(self) -> None:
        state = self._state
        assert state.galaxy is not None  # checked by callers
        self._ranges = {
            column: ranges.slider_range(parameter, float(value), state.galaxy)
            for column, parameter, value in zip(
                state.model.columns, state.model.parameters, state.values, strict=True
            )
        }

    def _errors(self) -> np.ndarray:
        """Errors of the fit shown; nan where sliders have moved away from it or nothing was fitted."""
        result, state = self._state.result, self._state
        same = result is not None and result.model.columns == state.model.columns
        return result.errors if result is not None and same else np.full(len(state.values), np.nan)

    def _values(self) -> list[list[Any]]:
        state = self._state
        bounds = ranges.at_bound(state.model, state.values)
        return [
            [column, _number(value), _number(error), bound]
            for column, value, error, bound in zip(
                state.model.columns, state.values, self._errors(), bounds, strict=True
            )
        ]

    def _score(self) -> dict[str, float | None]:
        scene, state = self._state.scene, self._state
        if scene is None:
            return {}
        reference = state.reference_chi2
        return {
            "chi2": _number(scene.chi2),
            "chi2_nu": _number(scene.chi2_nu),
            "delta": _number(scene.chi2 - reference) if reference is not None else None,
        }

    def _describe(self) -> list[dict[str, Any]]:
        state = self._state
        rows = {row[0]: row for row in self._values()}
        return [
            {
                "name": component.name,
                "title": component.declaration.title,
                "colour": component_colour(k),
                "parameters": [
                    self._parameter(component.name, p, rows[f"{component.name}_{p.name}"])
                    for p in component.parameters
                ],
            }
            for k, component in enumerate(state.model.components)
        ]

    def _parameter(self, component: str, parameter: Any, row: list[Any]) -> dict[str, Any]:
        column, value, error, bound = row
        shown = self._ranges[column]
        digits = ranges.digits(parameter, shown.low, shown.high, math.nan if error is None else error)
        tie = parameter.tied
        return {
            "column": column,
            "dotted": f"{component}.{parameter.name}",
            "name": parameter.name,
            "unit": parameter.unit,
            "meaning": parameter.meaning,
            "value": value,
            "error": error,
            "at_bound": bound,
            "fixed": parameter.fixed,
            "lower": _number(parameter.lower),
            "upper": _number(parameter.upper),
            "digits": digits,
            "range": {"low": shown.low, "high": shown.high, "log": shown.log},
            "tie": None if tie is None else {"to": tie.to, "factor": tie.factor, "offset": tie.offset},
        }


def _number(value: float) -> float | None:
    """A finite float, or None for JSON."""
    return float(value) if math.isfinite(value) else None
