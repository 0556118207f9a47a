"""What to do about the objects around a galaxy: leave out their pixels, or fit them together with it.

A neighbour whose light and the galaxy's lie on the same pixels is fitted with components of its own, named
neighbour1, neighbour2, ...; its pixels cannot be left out without losing the galaxy's, nor kept without
counting its light as the galaxy's. Any other is masked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from galviewer import guess
from galviewer.errors import SettingsError
from galviewer.guess import Measurement, detect
from galviewer.guess.detect import Other
from galviewer.guess.library import PsfSize, sersic
from galviewer.model import Component, Model
from galviewer.survey import Galaxy

MODES = ("off", "mask", "fit", "auto")
"""Nothing is done; all neighbours are masked; all are fitted; by their overlap."""

FITTED = ("fit", "auto")
"""Those of `MODES` that may fit a neighbour."""

MOST = 6
"""Neighbours fitted together with one galaxy; the ones that matter least are masked."""

HIDDEN = 0.02
"""Share of the galaxy's light below a neighbour's pixels from which masking them costs too much."""

SPILT = 0.003
"""Light of a neighbour outside its own pixels, on the galaxy, over the galaxy's, from which it disturbs."""

SEEN = 3.0
"""Signal to noise of that light below which it disturbs nothing."""

_UNRESOLVED = 0.35
"""Half-light radius over the PSF's below which a neighbour is a point source."""

_EDGE = 3.0
"""Distance (pixels) from the image's edge within which an object's shape cannot be told."""

_SPREAD = 2.0
"""Half-light radius over the radius of its pixels beyond which a measurement is one of other light."""

_LIT = 1.5
"""Signal to noise per pixel from which a pixel belongs to an object."""

_APERTURE = 3.0
"""The galaxy's light is compared within so many half-light radii."""


def _nothing() -> np.ndarray:
    """The start values of no neighbours."""
    return np.zeros(0)


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A galaxy with the decisions about its neighbours.

    Parameters
    ----------
    galaxy : Galaxy
        Its mask leaves out the neighbours that are not fitted, and no others; `given` keeps those that are
        where they are seen, and about as large and bright.
    components : tuple of Component
        One for each neighbour to be fitted.
    starts : ndarray
        Start values of all their parameters.
    """

    galaxy: Galaxy
    components: tuple[Component, ...] = ()
    starts: np.ndarray = field(default_factory=_nothing)


class _Near(NamedTuple):
    """A neighbour to be fitted: what was found, what was measured, and the image on which it was."""

    other: Other
    measured: Measurement
    view: Galaxy


def check_mode(mode: str) -> None:
    """SettingsError unless `mode` is one of `MODES`.

    Raises
    ------
    SettingsError
        As said.
    """
    if mode not in MODES:
        raise SettingsError("neighbours", repr(mode), "one of " + ", ".join(MODES))


def look_around(galaxy: Galaxy, mode: str) -> Surroundings:
    """Find a galaxy's neighbours and decide about each.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    mode : str
        One of `MODES`.
    """
    if mode == "off":
        return Surroundings(galaxy)
    others = detect.others(galaxy)
    if not others:
        return Surroundings(galaxy)
    chosen = [] if mode == "mask" else _to_be_fitted(galaxy, others, everything=mode == "fit")
    fitted = [near.other for near in chosen]
    mask = galaxy.mask.copy()
    for other in fitted:  # what the segmentation map alone had left out
        if galaxy.segments is not None:
            mask &= ~(other.area & (galaxy.segments > 0))
    masked = [other for other in others if not any(other is one for one in fitted)]
    for other in masked:
        mask |= detect.grown(other.area, 2)
    for other in fitted:  # a masked object's rim must not cut into a fitted one
        mask &= ~(other.area & ~galaxy.mask)
    if mask.all():
        return Surroundings(galaxy)
    mask.flags.writeable = False
    words = f"neighbours: {len(fitted)} fitted, {len(masked)} masked"
    changed = replace(galaxy, mask=mask, notes=(*galaxy.notes, words))
    components = tuple(_component(k, near) for k, near in enumerate(chosen, start=1))
    starts = [guess.starts(near.view, Model((c,)))[0] for c, near in zip(components, chosen, strict=True)]
    bounds: dict[str, tuple[float, float]] = {}
    for component, start, near in zip(components, starts, chosen, strict=True):
        bounds |= _bounds(component, start, near.measured)
    return Surroundings(
        guess.bring(changed, bounds=bounds), components, np.concatenate([_nothing(), *starts])
    )


def _to_be_fitted(galaxy: Galaxy, others: Sequence[Other], everything: bool) -> list[_Near]:
    """The neighbours that overlap with the galaxy, the most disturbing first, each with its measurement."""
    covered = np.logical_or.reduce([other.area for other in others])
    target = guess.measure(replace(galaxy, mask=galaxy.mask | covered), 0.0)
    if not target.ok:
        return []
    level, rms = detect.sky_and_scatter(galaxy.image, galaxy.mask)
    lit = galaxy.image > level + _LIT * rms
    light = _image(galaxy, target)
    inside = _radius(galaxy, target) < _APERTURE
    found = []
    for other in others:
        own_mask = (galaxy.mask | lit) & ~other.area  # whatever shines beside it belongs to others
        view = replace(galaxy, mask=own_mask, centre=(other.x, other.y))
        measured = guess.measure(view, 0.0)
        if not measured.ok or _cut_off(galaxy, measured) or _distance(measured, target) < 1.0:
            continue
        if measured.r_eff * math.sqrt(measured.q) > _SPREAD * _extent(other):
            continue
        own = _image(galaxy, measured)
        area = detect.grown(other.area, 1)
        hidden = float(light[area].sum()) / target.flux
        spilt = inside & ~area
        share, seen = float(own[spilt].sum()) / target.flux, _signal(own, galaxy, spilt)
        overlaps = (hidden > HIDDEN and _signal(own, galaxy, area) > SEEN) or (share > SPILT and seen > SEEN)
        if overlaps or (everything and _signal(own, galaxy, area) > 3.0 * SEEN):
            found.append((hidden + share, _Near(other, measured, view)))
    found.sort(key=lambda item: -item[0])
    return [near for _, near in found[:MOST]]


def _cut_off(galaxy: Galaxy, measured: Measurement) -> bool:
    """Whether an object's centre lies at or beyond the image's edge."""
    height, width = galaxy.shape
    return not (_EDGE < measured.x < width - 1 - _EDGE and _EDGE < measured.y < height - 1 - _EDGE)


def _extent(other: Other) -> float:
    """Radius of a circle of its pixels' area."""
    return math.sqrt(float(other.area.sum()) / math.pi)


def _distance(one: Measurement, other: Measurement) -> float:
    return math.hypot(one.x - other.x, one.y - other.y)


def _signal(light: np.ndarray, galaxy: Galaxy, area: np.ndarray) -> float:
    """Signal to noise of light in an area."""
    return float(np.sqrt(((light / galaxy.sigma)[area] ** 2).sum()))


def _radius(galaxy: Galaxy, measured: Measurement) -> np.ndarray:
    """Elliptical radius in half-light radii as seen through the PSF, (H, W)."""
    height, width = galaxy.shape
    dx, dy = np.arange(width) - measured.x, np.arange(height)[:, None] - measured.y
    pa = math.radians(measured.pa)
    along, across = -dx * math.sin(pa) + dy * math.cos(pa), dx * math.cos(pa) + dy * math.sin(pa)
    major, minor = (_seen(measured.r_eff * f, measured.psf) for f in (1.0, measured.q))
    return np.hypot(along / major, across / minor)


def _seen(r_eff: float, psf: PsfSize) -> float:
    return math.hypot(r_eff, psf.r50)


def _image(galaxy: Galaxy, measured: Measurement) -> np.ndarray:
    """About what the object looks like, image units: for sums, not for fits."""
    radius = np.maximum(_radius(galaxy, measured), 0.1)
    major, minor = (_seen(measured.r_eff * f, measured.psf) for f in (1.0, measured.q))
    resolved = measured.r_eff / major
    n = measured.n * resolved + 0.6 * (1.0 - resolved)  # the PSF's core is flat
    return measured.flux * sersic(radius, np.asarray(n)) / (major * minor)


def _component(number: int, near: _Near) -> Component:
    """A point source or a Sérsic profile, by the size."""
    measured = near.measured
    point = near.view.psf is not None and measured.r_eff < _UNRESOLVED * measured.psf.r50
    return Component(f"neighbour{number}", "point" if point else "sersic")


def _bounds(component: Component, start: np.ndarray, measured: Measurement) -> dict[str, tuple[float, float]]:
    """Ends for the parameters of one neighbour."""
    size = _seen(measured.r_eff, measured.psf)
    found = {}
    for value, parameter in zip(start, component.parameters, strict=True):
        spans = {"x": max(3.0, 0.5 * size), "y": max(3.0, 0.5 * size), "mag": 2.5}
        name = f"{component.name}_{parameter.name}"
        if parameter.name in spans:
            found[name] = (value - spans[parameter.name], value + spans[parameter.name])
        elif parameter.name == "r_eff":
            found[name] = (parameter.lower, max(1.5 * value, 3.0 * size))
    return found
