"""Models as TOML text: one table per component, one inline table per parameter.

Example::

    name = "bulge+disk"
    orders = ["bulge.r_eff < 0.8 * disk.r_eff"]

    [bulge]
    profile = "sersic"
    n = {start = 4.0, lower = 0.5, upper = 8.0, prior = {normal = [4.0, 0.5], lower = 1.0}}

    [disk]
    profile = "exponential"
    modifiers = ["fourier1", "outer_truncation"]
    x = {tied = "bulge.x"}
    y = {tied = "bulge.y"}
    q = {tied = "bulge.q", factor = 0.5, offset = 0.1, plus = {"bulge.n" = 0.05}}
    boxiness = {start = 0.0, fixed = true}

A bare number is a start value. What is not written is as the profile declares it.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import tomllib
from pathlib import Path
from typing import Any

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Parameter, Tie
from galviewer.model.priors import PRIOR_KINDS, Order, Prior
from galviewer.model.templates import TEMPLATES, template

_KEYS = {"start", "lower", "upper", "fixed", "tied", "factor", "offset", "plus", "prior"}
_ORDER = re.compile(r"\s*([\w.]+)\s*<=?\s*(?:([^*\s]+)\s*\*\s*)?([\w.]+)\s*\Z")


def load(source: str | Path) -> Model:
    """A model from a template's name, a TOML file, or an input file of GALFIT or imfit.

    A file ``*.feedme`` or ``galfit.NN`` is GALFIT's, its pixels counted in the whole image; ``*.imfit`` or
    ``*.dat`` is imfit's, its zeropoint taken as 0. Anything else is TOML.

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
            f"model {str(source)!r}",
            "not found",
            "a TOML, GALFIT or imfit file or one of " + ", ".join(TEMPLATES),
        )
    other = _of_another_program(file)
    if other is not None:
        return dataclasses.replace(other, name=file.stem)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(str(file), f"cannot be read ({error})", "a TOML file in UTF-8") from error
    model = from_toml(text, whose=str(file))
    return model if model.name else dataclasses.replace(model, name=file.stem)


def _of_another_program(file: Path) -> Model | None:
    """The model of a GALFIT or imfit file, told by its name."""
    if file.suffix.lower() == ".feedme" or re.fullmatch(r"galfit\.\d+", file.name):
        from galviewer.model.galfit import read_galfit

        return read_galfit(file).image_model
    if file.suffix.lower() in (".imfit", ".dat"):
        from galviewer.model.imfit import read_imfit

        return read_imfit(file).model
    return None


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
    orders = tables.pop("orders", [])
    if not isinstance(orders, list):
        raise ModelError(whose, f"orders = {orders!r}", 'a list such as ["bulge.r_eff < disk.r_eff"]')
    components = tuple(_component(key, table) for key, table in tables.items())
    return Model(components, name=name, orders=tuple(_order(whose, text) for text in orders))


def to_toml(model: Model) -> str:
    """The model as TOML, saying only what differs from its profiles; `from_toml` reads it back."""
    head = [f"name = {json.dumps(model.name, ensure_ascii=False)}"] if model.name else []
    if model.orders:
        head.append("orders = [" + ", ".join(json.dumps(_order_text(order)) for order in model.orders) + "]")
    blocks = ["\n".join(head) + "\n"] if head else []
    for component in model.components:
        lines = [f"[{component.name}]", f'profile = "{component.profile}"']
        if component.modifiers:
            lines.append(f"modifiers = {json.dumps(list(component.modifiers))}")
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
    modifiers = table.get("modifiers", [])
    if not isinstance(modifiers, list) or not all(isinstance(m, str) for m in modifiers):
        raise ModelError(f"{name}.modifiers", f"is {modifiers!r}", 'a list such as ["fourier1"]')
    component = Component(name, table["profile"], modifiers=tuple(modifiers))
    for key, value in table.items():
        if key not in ("profile", "modifiers"):
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
        tie = Tie(str(value["tied"]), factor, offset, _plus(f"{whose}.plus", value.get("plus", {})))
        changes |= {"tied": tie, "fixed": False, "start": None}
    elif value.keys() & {"factor", "offset", "plus"}:
        raise ModelError(whose, "has a factor, offset or plus but follows nothing", 'tied = "other.name" too')
    elif "fixed" in value:
        changes["fixed"] = value["fixed"]
        if declared.fixed and not value["fixed"] and "start" not in value:
            changes["start"] = None
    if "prior" in value:
        changes["prior"] = _prior(f"{whose}.prior", value["prior"])
    return changes


def _plus(whose: str, value: Any) -> tuple[tuple[str, float], ...]:
    """Further terms of a sum: ``{"disk.mag" = 0.5}``."""
    if not isinstance(value, dict):
        raise ModelError(whose, f"is {value!r}", 'a table such as {"disk.mag" = 0.5}')
    return tuple((key, _number(f"{whose}.{key}", factor)) for key, factor in value.items())


def _prior(whose: str, value: Any) -> Prior:
    """``{normal = [mean, width]}``, ``{lognormal = [median, width]}`` or ``{uniform = [lower, upper]}``."""
    kinds = [kind for kind in PRIOR_KINDS if isinstance(value, dict) and kind in value]
    if len(kinds) != 1 or not set(value) <= {kinds[0], "lower", "upper"}:
        expected = (
            "one of {normal = [mean, width]}, {lognormal = [median, width]}, {uniform = [lower, upper]}"
        )
        raise ModelError(whose, f"is {value!r}", expected + ", the first two with lower, upper if cut off")
    kind = kinds[0]
    pair = value[kind]
    if not isinstance(pair, list) or len(pair) != 2:
        raise ModelError(f"{whose}.{kind}", f"is {pair!r}", "a list of two numbers")
    first, second = (_number(f"{whose}.{kind}", number) for number in pair)
    if kind == "uniform":
        if len(value) > 1:
            raise ModelError(whose, f"is {value!r}", "no other limits beside those of the uniform prior")
        return _whose(whose, kind, lower=first, upper=second)
    limits = {key: _number(f"{whose}.{key}", value[key]) for key in ("lower", "upper") if key in value}
    if kind == "lognormal":
        limits = {"lower": 0.0} | limits
    return _whose(whose, kind, mean=first, width=second, **limits)


def _whose(whose: str, kind: Any, **values: float) -> Prior:
    """A prior whose mistakes name the parameter."""
    try:
        return Prior(kind, **values)
    except ModelError as error:
        raise ModelError(whose, error.what, error.expected, error.remedy) from error


def _order(whose: str, text: Any) -> Order:
    """``"bulge.r_eff < 0.8 * disk.r_eff"``."""
    found = _ORDER.match(text) if isinstance(text, str) else None
    try:
        if found is not None:
            return Order(found[1], found[3], float(found[2] or 1.0))
    except ValueError:
        pass
    raise ModelError(whose, f"order {text!r}", 'a text such as "bulge.r_eff < 0.8 * disk.r_eff"')


def _order_text(order: Order) -> str:
    factor = "" if order.factor == 1.0 else f"{float(order.factor)!r} * "
    return f"{order.smaller} < {factor}{order.larger}"


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
        values |= {"plus": {to: float(factor) for to, factor in tie.plus}} if tie.plus else {}
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
    if parameter.prior is not None:
        values["prior"] = _prior_table(parameter.prior)
    return [f"{key} = {_as_toml(value)}" for key, value in values.items()]


def _prior_table(prior: Prior) -> dict[str, Any]:
    """The prior as `_prior` reads it."""
    if prior.kind == "uniform":
        return {"uniform": [float(prior.lower), float(prior.upper)]}
    open_end = 0.0 if prior.kind == "lognormal" else -math.inf
    table: dict[str, Any] = {prior.kind: [float(prior.mean), float(prior.width)]}
    table |= {} if prior.lower == open_end else {"lower": float(prior.lower)}
    return table | ({} if prior.upper == math.inf else {"upper": float(prior.upper)})


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        pairs = (f"{_key(key)} = {_as_toml(item)}" for key, item in value.items())
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_as_toml(item) for item in value) + "]"
    return json.dumps(value) if isinstance(value, str) else repr(value)


def _key(key: str) -> str:
    return key if key.isidentifier() and key.isascii() else json.dumps(key)
