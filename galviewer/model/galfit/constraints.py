"""GALFIT's constraint files to ties, bounds and orders, and back."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping

from galviewer.errors import ModelError
from galviewer.model.description import Model, Parameter, Tie
from galviewer.model.galfit.objects import GalfitType, constraint_names
from galviewer.model.leftovers import Leftover
from galviewer.model.priors import Order

Kinds = Mapping[int, tuple[str, GalfitType]]
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\s*(to)?[\s,]\s*({_NUMBER})\Z")


class _UnrepresentedError(Exception):
    """A line that no tie, bound or order can say."""


def apply_constraints(
    model: Model, text: str, kinds: Kinds, whose: str, first: tuple[float, float] = (1.0, 1.0)
) -> tuple[Model, list[Leftover]]:
    """The model with a constraint file's ties, bounds and orders.

    Parameters
    ----------
    model : Model
        As the input file describes it, starts included.
    text : str
        The constraint file.
    kinds : mapping
        Name and GALFIT type of each object, by its number.
    whose : str
        Name for messages.
    first : (float, float)
        GALFIT's coordinates of the pixel that is our (0, 0).

    Returns
    -------
    model : Model
    leftovers : list of Leftover
        Lines that no tie, bound or order can say.

    Raises
    ------
    ModelError
        If a line makes no sense.
    """
    left: list[Leftover] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        words = raw.split("#")[0].split()
        if not words:
            continue
        if len(words) < 3:
            expected = "components, a parameter, and a range, 'offset' or 'ratio'"
            raise ModelError(f"constraints of {whose} line {number}", f"is '{raw.strip()}'", expected)
        try:
            model = _applied(model, words[0], words[1].lower(), " ".join(words[2:]), kinds, first)
        except _UnrepresentedError as reason:
            left.append(Leftover(" ".join(words), str(reason), "constraints", number))
        except (ValueError, ModelError) as error:
            if not isinstance(error, ModelError):
                error = ModelError(f"'{raw.strip()}'", str(error), "GALFIT's syntax of constraints")
            raise ModelError(
                f"constraints of {whose} line {number}", f"'{raw.strip()}': {error.what}", error.expected
            ) from error
    return model, left


def _applied(model: Model, who: str, what: str, how: str, kinds: Kinds, first: tuple[float, float]) -> Model:
    """The model with one line."""
    split = re.fullmatch(r"(\d+)(?:([_/-])\d+)*", who)
    if split is None:
        raise ValueError(f"'{who}' is no list of components")
    columns = [_column(int(word), what, kinds, model) for word in re.split(r"[_/-]", who)]
    if split[2] == "_":
        return _tied(model, columns, how)
    if len(columns) == 1:
        return _bounded(model, columns[0], how, *_units(columns[0], kinds, first))
    if split[2] == "/" and len(columns) == 2:
        return _ordered(model, columns, how, kinds)
    _range(how)
    raise _UnrepresentedError("limits on a difference have no counterpart in galviewer")


def _column(number: int, what: str, kinds: Kinds, model: Model) -> str:
    if number not in kinds:
        raise _UnrepresentedError(f"object {number} is no component of the model")
    name, kind = kinds[number]
    parameter = constraint_names(kind, model.component(name).modifiers).get(what)
    if parameter is None or parameter not in model.component(name).declaration.parameter_names:
        raise _UnrepresentedError(f"'{what}' is no parameter of a {kind.name} that galviewer has")
    if parameter == "mag" and kind.brightness:
        raise _UnrepresentedError("it speaks of a surface brightness; galviewer has total magnitudes")
    return f"{name}.{parameter}"


def _parameter(model: Model, column: str) -> Parameter:
    return model.parameters[model.index(column)]


def _start(model: Model, column: str) -> float:
    start = _parameter(model, column).start
    if start is None:
        raise _UnrepresentedError(f"{column} has no start value in galviewer")
    return start


def _tied(model: Model, columns: list[str], how: str) -> Model:
    """All but the first follow the first, as the start values say."""
    if how not in ("offset", "ratio"):
        raise ValueError("an operation other than offset and ratio")
    root = next((c for c in columns if _parameter(model, c).free), columns[0])
    root_start = _start(model, root)
    for column in columns:
        if column == root:
            continue
        start = _start(model, column)
        if how == "ratio" and root_start == 0:
            raise _UnrepresentedError(f"{root} starts at 0, of which there is no ratio")
        tie = (
            Tie(root, offset=_tidy(start - root_start)) if how == "offset" else Tie(root, start / root_start)
        )
        model = model.replace(column, tied=tie, start=None, fixed=False)
    return model


def _tidy(value: float) -> float:
    """Without the digits that a subtraction adds."""
    return round(value, 10)


def _units(column: str, kinds: Kinds, first: tuple[float, float]) -> tuple[float, float]:
    """Factor and shift from GALFIT's values of a parameter to ours."""
    component, parameter = column.split(".")
    if parameter in ("x", "y"):
        return 1.0, -first[parameter == "y"]
    kind = next(kind for name, kind in kinds.values() if name == component)
    return kind.factors.get(parameter, 1.0), 0.0


def _bounded(model: Model, column: str, how: str, factor: float, shift: float) -> Model:
    if how.startswith("factor"):
        times = abs(float(how.split()[1]))
        start = _start(model, column)
        low, high = sorted((start / times, start * times))
    else:
        low, high, absolute = _range(how)
        shift = shift if absolute else _start(model, column)
        low, high = _tidy(factor * low + shift), _tidy(factor * high + shift)
    parameter = _parameter(model, column)
    lower, upper = max(low, parameter.lower), min(high, parameter.upper)
    if lower > upper:
        raise _UnrepresentedError(f"{column} cannot lie there in galviewer")
    if parameter.start is not None:  # GALFIT pulls a start value into its limits
        parameter = dataclasses.replace(parameter, start=min(max(parameter.start, lower), upper))
    return model.replace(column, lower=lower, upper=upper, start=parameter.start)


def _range(how: str) -> tuple[float, float, bool]:
    """Lower and upper limit, and whether they are absolute."""
    found = _RANGE.match(how)
    if found is None:
        raise ValueError(f"'{how}' is no range")
    low, high = (float(found[k].replace("d", "e").replace("D", "e")) for k in (1, 3))
    return min(low, high), max(low, high), found[2] is not None


def _ordered(model: Model, columns: list[str], how: str, kinds: Kinds) -> Model:
    """Limits on the ratio of the first to the second."""
    low, high, _ = _range(how)
    first, second = columns
    scale = _units(first, kinds, (1.0, 1.0))[0] / _units(second, kinds, (1.0, 1.0))[0]
    if low < 0 or any(_parameter(model, column).lower < 0 for column in columns):
        raise _UnrepresentedError("a ratio of what may be negative has no counterpart in galviewer")
    orders = list(model.orders)
    if high > 0 and math.isfinite(high):
        orders.append(Order(first, second, high * scale))
    if low > 0:
        orders.append(Order(second, first, 1.0 / (low * scale)))
    return dataclasses.replace(model, orders=tuple(orders))
