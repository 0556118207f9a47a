"""Half-light radii of profiles without a closed form, from their brightness function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from galviewer import profiles
from galviewer.products.photometry import UNKNOWN, HalfLight, half_light

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.profiles import Profile

_DECADE = math.log(10.0)
_UNSETTLED = 1e-3
"""Share of the light in the outermost decade from which it counts as endless."""


def find(profile: str, shape: dict[str, float]) -> HalfLight:
    """Closed form where there is one, else quadrature in ln r over 1e-12 to 1e5 times the size parameter.

    Parameters
    ----------
    profile : str
        Any elliptical profile known by name.
    shape : dict
        Its shape parameters.

    Returns
    -------
    HalfLight
        Radius to a relative 1e-6; nan where the profile has no finite light, or half of it lies beyond
        1e5 times the size parameter.
    """
    known = half_light(profile, shape)
    declaration = profiles.get(profile)
    values = np.array(list(shape.values()), dtype=np.float64)
    elliptical = declaration.kind == "elliptical" and declaration.brightness is not None
    if math.isfinite(known.radius) or not elliptical or not np.isfinite(values).all():
        return known
    import torch

    with torch.no_grad():
        return _by_quadrature(declaration, tuple(torch.tensor(v, dtype=torch.float64) for v in values))


def _by_quadrature(profile: Profile, shape: tuple[Tensor, ...]) -> HalfLight:
    from galviewer.profiles.quadrature import panel_light, radial_panels

    assert profile.brightness is not None  # elliptical profiles always have one
    brightness = profile.brightness
    breaks = profile.breaks(*shape) if profile.breaks is not None else ()
    edges = radial_panels(shape[[p.name for p in profile.shape].index(profile.size)], breaks)

    parts = panel_light(brightness, edges, shape)[2].unflatten(-1, (len(edges) - 1, -1)).sum(-1).numpy()
    total = _total(profile, shape, parts, edges.numpy())
    inside = np.concatenate(([0.0], np.cumsum(parts)))
    if not math.isfinite(total) or not total > 0 or not inside[-1] >= 0.5 * total:
        return UNKNOWN
    k = int(np.searchsorted(inside, 0.5 * total)) - 1

    def light(low: float, high: float) -> tuple[float, float]:
        """Light between two ln r, and its slope in the upper one."""
        parts = panel_light(brightness, edges.new_tensor([low, high]), shape)[2]
        return float(parts.sum()), 2.0 * math.pi * math.exp(2.0 * high) * at(math.exp(high))

    def at(radius: float) -> float:
        return float(brightness(edges.new_tensor(radius), *shape))

    radius = math.exp(_root(light, float(edges[k]), float(edges[k + 1]), 0.5 * total - float(inside[k])))
    edge = at(radius)
    return HalfLight(radius, 0.5 * total / (math.pi * radius**2 * edge)) if edge > 0 else UNKNOWN


def _total(profile: Profile, shape: tuple[Tensor, ...], parts: np.ndarray, edges: np.ndarray) -> float:
    """All the light: closed form, or the panels' if they have come to an end."""
    if profile.flux is not None:
        return float(profile.flux(*shape))
    last = parts[edges[:-1] > edges[-1] - _DECADE].sum()
    return float(parts.sum()) if last <= _UNSETTLED * parts.sum() else math.nan


def _root(
    light: Callable[[float, float], tuple[float, float]], low: float, high: float, wanted: float
) -> float:
    """Where the light from `low` on has grown to `wanted`: Newton steps, bisection where they leave."""
    start, place = low, 0.5 * (low + high)
    for _ in range(60):
        found, slope = light(start, place)
        low, high = (place, high) if found < wanted else (low, place)
        step = (wanted - found) / slope if slope > 0 else math.inf
        if abs(step) < 1e-10 or high - low < 1e-12:
            break
        place = place + step if low < place + step < high else 0.5 * (low + high)
    return place
