"""Start values and bounds that a galaxy brings along, from its row in a table or from the caller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from galviewer.errors import InputError
from galviewer.survey.galaxy import Galaxy

if TYPE_CHECKING:
    from galviewer.model import Model

START, LOWER, UPPER = "_init", "_lower", "_upper"
"""What is added to a column's name."""


def given_starts(galaxy: Galaxy, model: Model) -> dict[int, float]:
    """Start values of parameters by their index; ``<column>_init`` wins over ``<column>``.

    Raises
    ------
    InputError
        If the galaxy names a parameter that its component does not have.
    """
    given = _known(galaxy, model)
    found = {}
    for index, column in enumerate(model.columns):
        for key in (column.lower(), column.lower() + START):
            if math.isfinite(given.get(key, math.nan)):
                found[index] = given[key]
    return found


def given_bounds(galaxy: Galaxy, model: Model) -> tuple[np.ndarray, np.ndarray] | None:
    """Lower and upper bounds (P,) of a galaxy, infinite where it has none; None without any.

    Raises
    ------
    InputError
        If a lower bound lies above the upper one or beyond the model's, or a parameter does not exist.
    """
    given = _known(galaxy, model)
    lower, upper = np.full(len(model.columns), -math.inf), np.full(len(model.columns), math.inf)
    for index, (column, parameter) in enumerate(zip(model.columns, model.parameters, strict=True)):
        for key, ends in ((LOWER, lower), (UPPER, upper)):
            value = given.get(column.lower() + key, math.nan)
            ends[index] = ends[index] if math.isnan(value) else value
        low, high = max(lower[index], parameter.lower), min(upper[index], parameter.upper)
        if low > high:
            raise InputError(
                galaxy.name, f"{column} has the bounds [{low:g}, {high:g}]", "lower <= upper",
                "mend the bounds given for this galaxy; they tighten those of the model",
            )  # fmt: skip
    return None if np.isneginf(lower).all() and np.isposinf(upper).all() else (lower, upper)


def _known(galaxy: Galaxy, model: Model) -> Mapping[str, float]:
    """What is given, keys in lower case; InputError for a parameter that a component of the model lacks."""
    given = {key.lower(): value for key, value in galaxy.given.items()}
    columns = {column.lower() for column in model.columns}
    components = {component.name.lower(): component for component in model.components}
    for key in given:
        stem = next((key.removesuffix(end) for end in (START, LOWER, UPPER) if key.endswith(end)), None)
        if stem is None or stem in columns or stem.partition("_")[0] not in components:
            continue
        component = components[stem.partition("_")[0]]
        raise InputError(
            galaxy.name, f"has '{key}', but {component.name} has no parameter {stem.partition('_')[2]!r}",
            "one of " + ", ".join(p.name for p in component.parameters), "rename the column",
        )  # fmt: skip
    return given


def bring(
    galaxy: Galaxy,
    starts: Mapping[str, float] | None = None,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    model: Model | None = None,
) -> Galaxy:
    """The galaxy with start values and bounds of its own.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    starts : mapping, optional
        Values by ``component_parameter`` (or ``component.parameter``).
    bounds : mapping, optional
        Lower and upper ends; infinite or nan where there is none.
    model : Model, optional
        Whose parameters they must be.

    Raises
    ------
    ModelError
        If the model has no such parameter.
    InputError
        If a lower bound lies above the upper one.
    """
    more: dict[str, float] = {}
    for column, value in (starts or {}).items():
        more[_column(column, model) + START] = float(value)
    for column, (low, high) in (bounds or {}).items():
        name = _column(column, model)
        more |= {name + LOWER: float(low), name + UPPER: float(high)}
    if not more:
        return galaxy
    brought = replace(galaxy, given={**galaxy.given, **more})
    if model is not None:
        given_bounds(brought, model)
    return brought


def _column(name: str, model: Model | None) -> str:
    """As in the catalogue, in lower case."""
    column = name.replace(".", "_", 1) if model is None else model.columns[model.index(name)]
    return column.lower()
