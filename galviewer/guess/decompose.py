"""Two components from the rings of a galaxy: bulge and disk, or galaxy and point source."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from galviewer.guess import library
from galviewer.guess.library import N_GRID, RHO_GRID, PsfSize
from galviewer.guess.radial import Rings, errors

FLOOR = 0.03
"""Relative error added to each ring: bulge and disk differ in axis ratio, the rings do not."""
BULGE_N = (1.6, 2.5, 4.0)
"""Bulge indices tried."""


class TwoParts(NamedTuple):
    """Share of the inner part in the light, and circularised half-light radii (pixels)."""

    fraction: float
    r_inner: float
    n_inner: float
    r_outer: float
    n_outer: float
    flux: float
    sky: float


def bulge_disk(rings: Rings, size: PsfSize, r_eff: float, sky: float | None) -> TwoParts | None:
    """Best Sérsic bulge and exponential disk for the rings.

    Parameters
    ----------
    rings : Rings
        Mean brightness around the galaxy.
    size : PsfSize
        Seeing.
    r_eff : float
        Circularised half-light radius of the whole, pixels.
    sky : float or None
        Known level, or None to fit it.

    Returns
    -------
    TwoParts or None
        None where no pair with two positive fluxes explains the rings.
    """
    low, high = np.searchsorted(RHO_GRID, np.array([0.1 * r_eff, 3.0 * r_eff]) / size.r50)
    part = slice(max(int(low), 0), min(int(high) + 1, RHO_GRID.size))
    grid = library.profiles(rings.radius, size, part)
    radius = RHO_GRID[part] * size.r50
    rows = [int(np.argmin(np.abs(N_GRID - n))) for n in BULGE_N]
    inner = grid[rows].reshape(-1, grid.shape[-1])
    outer = grid[int(np.argmin(np.abs(N_GRID - 1.0)))]
    inner_radius = np.tile(radius, len(rows))
    allowed = (inner_radius[:, None] < 0.7 * radius[None, :]) & (radius[None, :] > 0.5 * r_eff)
    found = _best_pair(inner, outer, allowed, rings, sky)
    if found is None:
        return None
    i, j, first, second, level = found
    return TwoParts(
        fraction=first / (first + second),
        r_inner=float(inner_radius[i]),
        n_inner=BULGE_N[i // radius.size],
        r_outer=float(radius[j]),
        n_outer=1.0,
        flux=first + second,
        sky=level,
    )


def galaxy_point(rings: Rings, size: PsfSize, r_eff: float, sky: float | None) -> TwoParts | None:
    """Best Sérsic galaxy with a point source in its centre; arguments as `bulge_disk`."""
    low, high = np.searchsorted(RHO_GRID, np.array([0.4 * r_eff, 4.0 * r_eff]) / size.r50)
    part = slice(max(int(low), 0), min(int(high) + 1, RHO_GRID.size))
    rows = np.nonzero(N_GRID <= 4.0)[0]
    grid = library.profiles(rings.radius, size, part)[rows]
    radius = RHO_GRID[part] * size.r50
    outer = grid.reshape(-1, grid.shape[-1])
    inner = library.point(rings.radius, size)[None]
    allowed = np.ones((1, outer.shape[0]), dtype=bool)
    found = _best_pair(inner, outer, allowed, rings, sky)
    if found is None:
        return None
    _, j, first, second, level = found
    n = float(N_GRID[rows[j // radius.size]])
    return TwoParts(
        first / (first + second), 0.0, 0.0, float(radius[j % radius.size]), n, first + second, level
    )


def _best_pair(
    inner: np.ndarray, outer: np.ndarray, allowed: np.ndarray, rings: Rings, sky: float | None
) -> tuple[int, int, float, float, float] | None:
    """Indices, fluxes and sky of the pair with the lowest chi-square among those with positive fluxes."""
    level = sky if sky is not None else float(rings.mean[-5:].min())
    weight = 1.0 / errors(rings, level, FLOOR) ** 2
    total = weight.sum()
    if sky is None:  # take the constant out of data and profiles alike
        centre = float(rings.mean @ weight) / total
        inner_centre, outer_centre = inner @ weight / total, outer @ weight / total
    else:
        centre, inner_centre, outer_centre = sky, np.zeros(len(inner)), np.zeros(len(outer))
    data = rings.mean - centre
    a, b = inner - inner_centre[:, None], outer - outer_centre[:, None]
    aa, bb, ab = (a**2) @ weight, (b**2) @ weight, (a * weight) @ b.T
    ad, bd = a @ (weight * data), b @ (weight * data)
    determinant = aa[:, None] * bb[None, :] - ab**2
    safe = np.where(determinant > 1e-9 * aa[:, None] * bb[None, :], determinant, np.inf)
    first = (bb[None, :] * ad[:, None] - ab * bd[None, :]) / safe
    second = (aa[:, None] * bd[None, :] - ab * ad[:, None]) / safe
    gain = first * ad[:, None] + second * bd[None, :]
    share = first / np.where(first + second > 0, first + second, 1.0)
    good = allowed & (first > 0) & (second > 0) & (share > 0.02) & (share < 0.95)
    if not good.any():
        return None
    i, j = np.unravel_index(int(np.argmax(np.where(good, gain, -math.inf))), gain.shape)
    i, j = int(i), int(j)
    level = centre - float(first[i, j]) * inner_centre[i] - float(second[i, j]) * outer_centre[j]
    return i, j, float(first[i, j]), float(second[i, j]), float(level)
