"""Models as TOML text: one table per component, one inline table per parameter.

Example::

    name = "bulge+disk"

    [bulge]
    profile = "sersic"
    n = {start = 4.0, lower = 0.5, upper = 8.0}

    [disk]
    profile = "exponential"
    x = {tied = "bulge.x"}
    y = {tied = "bulge.y"}
    r_eff = {tied = "bulge.r_eff", factor = 3.0}
    boxiness = {start = 0.0, fixed = true}

A bare number is a start value. What is not written is as the profile declares it.
"""

from __future__ import annotations

import dataclasses
import math
import tomllib
from pathlib import Path
from typing import Any

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Parameter, Tie
from galviewer.model.templates import TEMPLATES, template

_KEYS = {"start", "lower", "upper", "fixed", "tied", "factor", "offset"}


def load(source: str | Path) -> Model:
    """A model from a template's name or a TOML file.

    Raises
    ------
    ModelError
        If it is neither, or the file describes no model.
    """
    if str(source) in TEMPLATES:
        return template(str(source))
    file = Path(source)
    if not file.is_file():
        raise ModelError(
            f"model {str(source)!r}", "not found", "a TOML file or one of " + ", ".join(TEMPLATES)
        )
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(file), f"cannot be read ({error})", "a TOML file in UTF-8") from error
    model = from_toml(text, whose=str(file))
    return model if model.name else dataclasses.replace(model, name=file.stem)


def from_toml(text: str, whose: str = "model") -> Model:
    """The model that a TOML text describes.

    Raises
    ------
    ModelError
        If it is not TOML, or a component or parameter in it makes no sense.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(
            whose, f"is not TOML: {error}", "one [component] table each, see docs/model.md"
        ) from error
    name = tables.pop("name", "")
    if not isinstance(name, str):
        raise ModelError(whose, f"name = {name!r}", "a text")
    return Model(tuple(_component(key, table) for key, table in tables.items()), name=name)


def to_toml(model: Model) -> str:
    """The model as TOML; `from_toml` gives an equal model back."""
    import tomli_w

    document: dict[str, Any] = {"name": model.name} if model.name else {}
    for component in model.components:
        table: dict[str, Any] = {"profile": component.profile}
        for parameter in component.parameters:
            table[parameter.name] = _parameter_table(parameter)
        document[component.name] = table
    return tomli_w.dumps(document)


def _component(name: str, table: Any) -> Component:
    if not isinstance(table, dict) or "profile" not in table:
        raise ModelError(
            f"component {name!r}", "has no profile", 'a table with profile = "sersic" or another'
        )
    component = Component(name, table["profile"])
    for key, value in table.items():
        if key != "profile":
            component = component.replace(key, **_changes(f"{name}.{key}", component.parameter(key), value))
    return component


def _changes(whose: str, declared: Parameter, value: Any) -> dict[str, Any]:
    """What a parameter's TOML value changes in its declaration."""
    if _is_number(value):
        return {"start": float(value)}
    if not isinstance(value, dict) or not set(value) <= _KEYS:
        raise ModelError(whose, f"is {value!r}", "a number, or a table with " + ", ".join(sorted(_KEYS)))
    changes: dict[str, Any] = {}
    for key in ("start", "lower", "upper"):
        if key in value:
            changes[key] = _number(f"{whose}.{key}", value[key])
    if not isinstance(value.get("fixed", False), bool):
        raise ModelError(f"{whose}.fixed", f"is {value['fixed']!r}", "true or false")
    if "tied" in value:
        factor, offset = (
            _number(f"{whose}.{key}", value.get(key, d)) for key, d in (("factor", 1.0), ("offset", 0.0))
        )
        changes |= {"tied": Tie(str(value["tied"]), factor, offset), "fixed": False, "start": None}
    elif "fixed" in value:
        changes["fixed"] = value["fixed"]
        if declared.fixed and not value["fixed"] and "start" not in value:
            changes["start"] = None
    return changes


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(whose: str, value: Any) -> float:
    if not _is_number(value) or math.isnan(value):
        raise ModelError(whose, f"is {value!r}", "a number")
    return float(value)


def _parameter_table(parameter: Parameter) -> dict[str, Any]:
    table: dict[str, Any] = {}
    if parameter.start is not None:
        table["start"] = float(parameter.start)
    table |= {"lower": float(parameter.lower), "upper": float(parameter.upper), "fixed": parameter.fixed}
    if parameter.tied is not None:
        table |= {"tied": parameter.tied.to, "factor": parameter.tied.factor, "offset": parameter.tied.offset}
        table.pop("fixed")
    return table
