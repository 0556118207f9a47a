"""Measurement to start values of any model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from galviewer import conventions
from galviewer.flags import Flag
from galviewer.guess import decompose
from galviewer.guess.decompose import TwoParts
from galviewer.guess.given import given_starts
from galviewer.guess.measurement import Measurement, measure
from galviewer.survey.galaxy import Galaxy

if TYPE_CHECKING:
    from galviewer.model import Component, Model

Values = dict[str, float]
"""Parameter name to value, of one component."""

_APART = 2.0
"""Distance (pixels) from which two places are different objects."""

_BAR = 0.15
"""Share of the light with which a bar starts."""

_EXTENDED = ("elliptical", "planar")
"""Kinds of profiles with a size."""


def starts(galaxy: Galaxy, model: Model) -> tuple[np.ndarray, int]:
    """Start values of a model for a galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    model : Model
        A start value given by the user wins over the measured one, one given for this galaxy (`Galaxy.given`)
        over both. Components with a given centre away
        from the target's are measured at that place.

    Returns
    -------
    values : ndarray, (P,), float64
        Finite, inside the bounds, ties fulfilled.
    flags : int
        `Flag.GUESS_FAILED` where nothing could be measured and defaults were used.
    """
    sky_fitted = any(component.declaration.kind == "sky" for component in model.components)
    level = None if sky_fitted else 0.0
    measured, flags = _measured(galaxy, level)
    values = np.full(len(model.columns), np.nan)
    for place, members in _places(model).items():
        own = measured
        if place is not None and math.hypot(place[0] - measured.x, place[1] - measured.y) > _APART:
            own, _ = _measured(replace(galaxy, centre=place), level)
        for component, guessed in zip(members, _components(galaxy, members, own, level), strict=True):
            names = [p.name for p in component.parameters]
            values[model.component_slices[component.name]] = [_value(component, n, guessed) for n in names]
    for index, value in given_starts(galaxy, model).items():
        values[index] = value
    return _consistent(model, values), flags


def _measured(galaxy: Galaxy, level: float | None) -> tuple[Measurement, int]:
    """What lies at the galaxy's place, or a modest galaxy and its flag."""
    measured = measure(galaxy, level)
    if measured.ok:
        return measured, 0
    return fallback(galaxy, measured), int(Flag.GUESS_FAILED)


def _places(model: Model) -> dict[tuple[float, float] | None, list[Component]]:
    """Components by the place that the user gave them; None for those at the target's, and for the sky."""
    places: dict[tuple[float, float] | None, list[Component]] = {}
    for component in model.components:
        place = _place_of(model, component)
        near = [p for p in places if p and place and math.hypot(p[0] - place[0], p[1] - place[1]) <= _APART]
        places.setdefault(near[0] if near else place, []).append(component)
    return places


def _place_of(model: Model, component: Component) -> tuple[float, float] | None:
    """Start values of a component's centre, through its ties; None where they are to be measured."""
    if component.declaration.kind == "sky":
        return None
    place = []
    for name in ("x", "y"):
        terms, offset = model.tie_terms(f"{component.name}_{name}")
        begun = [model.parameters[index].start for index, _ in terms]
        if any(start is None for start in begun):
            return None
        place.append(sum(f * float(s or 0.0) for (_, f), s in zip(terms, begun, strict=True)) + offset)
    return place[0], place[1]


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


def _components(
    galaxy: Galaxy, members: list[Component], measured: Measurement, level: float | None
) -> list[Values]:
    """Guessed values of components at one place."""
    extended = [c for c in members if c.declaration.kind in _EXTENDED and not _is_bar(c)]
    bars = [c for c in members if _is_bar(c)]
    if bars and not extended:
        extended, bars = bars, []
    points = [component for component in members if component.declaration.kind == "point"]
    parts = _parts(measured, len(extended), len(points), level)
    sky = parts.sky if parts is not None and level is None else measured.sky
    inner = _inner(extended)
    result = []
    for component in members:
        kind = component.declaration.kind
        if kind == "sky":
            result.append({"level": sky, "slope_x": 0.0, "slope_y": 0.0})
        elif kind == "point":
            share = (parts.fraction if parts is not None else 0.1) if extended else 1.0
            result.append(_place(measured, galaxy, share * measured.flux / len(points)))
        elif component in bars:
            result.append(_bar(galaxy, measured, parts))
        else:
            result.append(_extended(galaxy, measured, component, extended, inner, parts, bool(points)))
            result[-1]["mag"] += conventions.flux_to_mag(1.0 - _BAR * len(bars), 0.0)
    return result


def _is_bar(component: Component) -> bool:
    """Whether a component is a bar, by its name."""
    return component.name.startswith("bar") and component.declaration.kind in _EXTENDED


def _bar(galaxy: Galaxy, measured: Measurement, parts: TwoParts | None) -> Values:
    """A bar between bulge and disk in size."""
    r_eff = 0.6 * measured.r_eff
    if parts is not None:
        r_eff = math.sqrt(max(parts.r_inner, 0.2 * parts.r_outer) * parts.r_outer / measured.q)
    values = _place(measured, galaxy, _BAR * measured.flux)
    r_eff = max(r_eff, 0.1)
    return values | {"q": 0.4, "pa": measured.pa, "r_eff": r_eff, "n": 0.6, "fwhm": 2.0 * r_eff}


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
    if declared.start_in_r_eff is not None and "r_eff" in guessed:
        value = declared.start_in_r_eff * guessed["r_eff"]
    elif name in guessed:
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
