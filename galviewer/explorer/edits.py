"""Changes of a model on screen: pure functions from (model, values) to (model, values).

`values` are always (P,) float64 in the order of ``model.columns``.
"""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from galviewer import profiles
from galviewer.model import Component, Model, Tie
from galviewer.products.scene import brightest, ellipse

__all__ = [
    "add",
    "brightest",
    "carried",
    "clipped",
    "duplicate",
    "ellipse",
    "free_name",
    "remove",
    "set_bounds",
    "set_fixed",
    "set_tie",
    "transfer",
    "with_ties",
]

_PLACE = frozenset({"x", "y", "mag", "level", "slope_x", "slope_y"})
_STEMS = {"flat_sky": "sky", "tilted_sky": "sky", "exponential": "disk"}


def with_ties(model: Model, values: np.ndarray) -> np.ndarray:
    """A copy of `values` in which tied parameters follow what they are tied to."""
    matrix, offset = model.affine
    filled = np.array(values, float)
    for i, parameter in enumerate(model.parameters):
        if parameter.tied is not None:
            filled[i] = matrix[i] @ np.where(matrix[i] != 0.0, filled, 0.0) + offset[i]
    return filled


def clipped(model: Model, values: np.ndarray) -> np.ndarray:
    """A copy of `values` inside the model's bounds, ties followed."""
    lower = np.array([p.lower for p in model.parameters])
    upper = np.array([p.upper for p in model.parameters])
    return with_ties(model, np.clip(values, lower, upper))


def carried(model: Model) -> Model:
    """The model as the next galaxy starts from it.

    Structure, bounds, ties and fixed shapes go along; positions, magnitudes and sky levels are of one galaxy
    and are measured anew.
    """
    for column, parameter in zip(model.columns, model.parameters, strict=True):
        if parameter.start is not None and (parameter.name in _PLACE or not parameter.fixed):
            model = model.replace(column, start=None)
    return model


def transfer(old: Model, values: np.ndarray, new: Model, otherwise: np.ndarray) -> np.ndarray:
    """Values for `new`: those of `old` where the column exists, else `otherwise` (P_new,)."""
    known = dict(zip(old.columns, values, strict=True))
    return clipped(new, np.array([known.get(c, o) for c, o in zip(new.columns, otherwise, strict=True)]))


def set_fixed(model: Model, values: np.ndarray, column: str, fixed: bool) -> Model:
    """The parameter held at its present value, or set free (which also unties it)."""
    start = float(values[model.index(column)]) if fixed else None
    return model.replace(column, fixed=fixed, tied=None, start=start)


def set_tie(model: Model, column: str, tie: Tie | None) -> Model:
    """The parameter following another one, or no longer.

    Raises
    ------
    ModelError
        If the tie leads nowhere or in a circle.
    """
    return model.replace(column, tied=tie, fixed=False, start=None)


def set_bounds(
    model: Model, values: np.ndarray, column: str, lower: float, upper: float
) -> tuple[Model, np.ndarray]:
    """New bounds; the value is moved inside them.

    Raises
    ------
    ModelError
        If they are not in order.
    """
    index = model.index(column)
    start = model.parameters[index].start
    inside = None if start is None or not lower <= upper else min(max(start, lower), upper)
    model = model.replace(column, lower=lower, upper=upper, start=inside)
    return model, clipped(model, values)


def free_name(model: Model, stem: str) -> str:
    """`stem`, or the first of stem2, stem3, ... that no component bears; always a legal name."""
    stem = re.sub(r"[^A-Za-z0-9]", "", stem) or "component"
    taken = {component.name for component in model.components}
    names = (stem if k == 1 else f"{stem}{k}" for k in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)


def add(model: Model, values: np.ndarray, profile: str, shape: tuple[int, int]) -> tuple[Model, np.ndarray]:
    """One more component of that profile, placed on the brightest one, two magnitudes fainter.

    Parameters
    ----------
    shape : (H, W)
        Of the stamp; the centre is used where no component has one.
    """
    declared = profiles.get(profile).parameters
    leader = brightest(model, values)
    at = dict(zip(model.columns, values, strict=True))
    start: dict[str, float] = {"x": (shape[1] - 1) / 2, "y": (shape[0] - 1) / 2}
    if leader is not None:
        own = {p.name: at[f"{leader}_{p.name}"] for p in model.component(leader).parameters}
        start |= {name: own[name] for name in ("x", "y", "q", "pa") if name in own}
        start["mag"] = own["mag"] + 2.0
        start |= {"r_eff": own.get("r_eff", 5.0) * 1.5, "fwhm": own.get("r_eff", 5.0)}
    component = Component(free_name(model, _STEMS.get(profile, profile.split("_")[0])), profile)
    new = np.array([start.get(d.name, d.default) for d in declared])
    grown = model.with_component(component)
    return dataclasses.replace(grown, name=""), clipped(grown, np.append(values, new))


def duplicate(model: Model, values: np.ndarray, name: str) -> tuple[Model, np.ndarray]:
    """A second component like the one named, with its fixes and bounds, untied."""
    original = model.component(name)
    untied = tuple(dataclasses.replace(p, tied=None) for p in original.parameters)
    free = free_name(model, re.sub(r"\d+$", "", name))
    copy = Component(free, original.profile, untied, original.modifiers)
    grown = dataclasses.replace(model.with_component(copy), name="")
    return grown, clipped(grown, np.append(values, values[model.component_slices[name]]))


def remove(model: Model, values: np.ndarray, name: str) -> tuple[Model, np.ndarray]:
    """The model without that component.

    Raises
    ------
    ModelError
        If it is the last one.
    """
    kept = np.delete(values, np.arange(len(values))[model.component_slices[name]])
    shrunk = dataclasses.replace(model.without_component(name), name="")
    return shrunk, clipped(shrunk, kept)
