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
import json
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
    """The model as TOML, saying only what differs from its profiles; `from_toml` reads it back."""
    blocks = [f"name = {json.dumps(model.name, ensure_ascii=False)}\n"] if model.name else []
    for component in model.components:
        lines = [f"[{component.name}]", f'profile = "{component.profile}"']
        declarations = component.declaration.parameters
        for parameter, declaration in zip(component.parameters, declarations, strict=True):
            changes = _written(parameter, Parameter.declared(declaration))
            if changes:
                lines.append(f"{parameter.name} = {{ {', '.join(changes)} }}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


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


def _written(parameter: Parameter, declared: Parameter) -> list[str]:
    """The ``key = value`` texts in which a parameter differs from its declaration."""
    if parameter.tied is not None:
        tie = parameter.tied
        values: dict[str, Any] = {"tied": tie.to}
        values |= {} if tie.factor == 1.0 else {"factor": float(tie.factor)}
        values |= {} if tie.offset == 0.0 else {"offset": float(tie.offset)}
    else:
        values = {"start": float(parameter.start)} if parameter.start is not None else {}
        values["fixed"] = parameter.fixed
        if parameter.fixed == declared.fixed and parameter.start == declared.start:
            values = {}
        elif parameter.fixed == declared.fixed:
            del values["fixed"]
    for key in ("lower", "upper"):
        if getattr(parameter, key) != getattr(declared, key):
            values[key] = float(getattr(parameter, key))
    return [f"{key} = {_as_toml(value)}" for key, value in values.items()]


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, str) else repr(value)
