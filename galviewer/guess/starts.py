"""Measurement to start values of any model."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from galviewer import conventions
from galviewer.flags import Flag
from galviewer.guess import decompose
from galviewer.guess.decompose import TwoParts
from galviewer.guess.measurement import Measurement, measure
from galviewer.survey.galaxy import Galaxy

if TYPE_CHECKING:
    from galviewer.model import Component, Model

Values = dict[str, float]
"""Parameter name to value, of one component."""


def starts(galaxy: Galaxy, model: Model) -> tuple[np.ndarray, int]:
    """Start values of a model for a galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    model : Model
        A start value given by the user wins over the measured one.

    Returns
    -------
    values : ndarray, (P,), float64
        Finite, inside the bounds, ties fulfilled.
    flags : int
        `Flag.GUESS_FAILED` where nothing could be measured and defaults were used.
    """
    kinds = {component.name: component.declaration.kind for component in model.components}
    sky_fitted = "sky" in kinds.values()
    measured = measure(galaxy, None if sky_fitted else 0.0)
    flags = 0
    if not measured.ok:
        measured = fallback(galaxy, measured)
        flags = int(Flag.GUESS_FAILED)
    values = np.full(len(model.columns), np.nan)
    for component, guessed in zip(model.components, _components(galaxy, model, measured), strict=True):
        part = model.component_slices[component.name]
        values[part] = [_value(component, name, guessed) for name in (p.name for p in component.parameters)]
    return _consistent(model, values), flags


def fallback(galaxy: Galaxy, measured: Measurement) -> Measurement:
    """A modest galaxy at the target's place, for images in which none was found."""
    radius = 0.06 * min(galaxy.shape)
    flux = 5.0 * measured.sky_rms * math.sqrt(math.pi) * max(radius, 2.0)
    x, y = galaxy.target
    return Measurement(
        x,
        y,
        flux,
        max(radius, 2.0),
        0.8,
        45.0,
        1.5,
        measured.sky,
        measured.sky_rms,
        False,
        None,
        measured.psf,
    )


def _components(galaxy: Galaxy, model: Model, measured: Measurement) -> list[Values]:
    """Guessed values of each component."""
    sky_fitted = any(component.declaration.kind == "sky" for component in model.components)
    extended = [component for component in model.components if component.declaration.kind == "elliptical"]
    points = [component for component in model.components if component.declaration.kind == "point"]
    parts = _parts(measured, len(extended), len(points), None if sky_fitted else 0.0)
    sky = parts.sky if parts is not None and sky_fitted else measured.sky
    inner = _inner(extended)
    result = []
    for component in model.components:
        kind = component.declaration.kind
        if kind == "sky":
            result.append({"level": sky, "slope_x": 0.0, "slope_y": 0.0})
        elif kind == "point":
            share = (parts.fraction if parts is not None else 0.1) if extended else 1.0
            result.append(_place(measured, galaxy, share * measured.flux / len(points)))
        else:
            result.append(_extended(galaxy, measured, component, extended, inner, parts, bool(points)))
    return result


def _parts(measured: Measurement, extended: int, points: int, sky: float | None) -> TwoParts | None:
    """Decomposition where the model has two parts and the rings allow it."""
    if measured.rings is None:
        return None
    circular = measured.r_eff * math.sqrt(measured.q)
    if extended == 2 and points == 0:
        return decompose.bulge_disk(measured.rings, measured.psf, circular, sky)
    if extended == 1 and points == 1:
        return decompose.galaxy_point(measured.rings, measured.psf, circular, sky)
    return None


def _inner(extended: list[Component]) -> str:
    """Name of the component that is the bulge: the one called so, or a Sérsic beside a disk."""
    for component in extended:
        if component.name.startswith("bulge"):
            return component.name
    disks = [c.name for c in extended if c.profile == "exponential" or c.name.startswith("disk")]
    others = [c.name for c in extended if c.name not in disks]
    return others[0] if disks and others else (extended[0].name if extended else "")


def _extended(
    galaxy: Galaxy,
    measured: Measurement,
    component: Component,
    extended: list[Component],
    inner: str,
    parts: TwoParts | None,
    with_point: bool,
) -> Values:
    """Values of one of the elliptical components."""
    r_eff, n, q, share = measured.r_eff, measured.n, measured.q, 1.0
    stretch = 1.0 / math.sqrt(q)  # circularised to major axis
    if len(extended) > 1:
        is_inner = component.name == inner
        if parts is not None:
            share = parts.fraction if is_inner else 1.0 - parts.fraction
            r_eff = (parts.r_inner if is_inner else parts.r_outer) * stretch
            n = parts.n_inner if is_inner else parts.n_outer
        else:
            order = [c.name for c in extended].index(component.name)
            share = 1.0 / len(extended)
            r_eff *= 0.4 if is_inner else 1.3 * 1.5 ** max(order - 1, 0)
            n = 2.5 if is_inner else 1.0
        if len(extended) == 2 and is_inner:
            q += 0.35 * (1.0 - q)  # bulges are rounder
            r_eff *= math.sqrt(measured.q / q)
    elif with_point:
        share = 1.0 - (parts.fraction if parts is not None else 0.1)
        if parts is not None:
            r_eff, n = parts.r_outer * stretch, parts.n_outer
    flux = share * (parts.flux if parts is not None else measured.flux)
    values = _place(measured, galaxy, flux)
    values |= {"q": q, "pa": measured.pa, "r_eff": max(r_eff, 0.1), "n": n, "fwhm": max(2.0 * r_eff, 0.2)}
    return values


def _place(measured: Measurement, galaxy: Galaxy, flux: float) -> Values:
    """Centre and magnitude."""
    tiny = np.finfo(float).tiny
    return {
        "x": measured.x,
        "y": measured.y,
        "mag": conventions.flux_to_mag(max(flux, tiny), galaxy.zeropoint),
    }


def _value(component: Component, name: str, guessed: Values) -> float:
    """User's value, guessed value, or the declaration's default, inside the bounds."""
    parameter = component.parameter(name)
    if parameter.start is not None:
        return float(parameter.start)
    declared = next(p for p in component.declaration.parameters if p.name == name)
    if name in guessed:
        value = guessed[name]
    elif name.startswith("r_") and "r_eff" in guessed:
        value = guessed["r_eff"]
    else:
        value = declared.default
    return _inside(value, parameter.lower, parameter.upper, declared.default, parameter.fixed)


def _inside(value: float, lower: float, upper: float, default: float, fixed: bool) -> float:
    """Clipped into the bounds, and a little away from them, so that the first step is free."""
    if not math.isfinite(value):
        value = default
    if fixed:
        return float(min(max(value, lower), upper))
    margin = 0.01 * (upper - lower) if math.isfinite(upper - lower) else 0.0
    margin = min(margin, 0.2 * abs(lower)) if math.isfinite(lower) and lower > 0 else margin
    return float(min(max(value, lower + margin), upper - margin))


def _consistent(model: Model, values: np.ndarray) -> np.ndarray:
    """Ties filled in, following chains."""
    matrix, offset = model.affine
    for index, parameter in enumerate(model.parameters):
        if parameter.tied is not None:
            values[index] = matrix[index] @ np.where(matrix[index] != 0.0, values, 0.0) + offset[index]
    return values
