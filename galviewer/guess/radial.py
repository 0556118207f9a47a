"""Mean brightness in elliptical rings, and the Sérsic profile that explains it."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from galviewer.guess import library
from galviewer.guess.library import N_GRID, RHO_GRID, PsfSize

FLOOR = 0.015
"""Relative error added to each ring, for what a circular convolved profile cannot know."""


class Rings(NamedTuple):
    """Elliptical rings around the target; radii are circularised (R sqrt(q)), pixels."""

    radius: np.ndarray
    mean: np.ndarray
    error: np.ndarray
    pixels: np.ndarray


class RadialFit(NamedTuple):
    """A single Sérsic profile (circularised r_eff) and a constant sky."""

    flux: float
    r_eff: float
    n: float
    sky: float


def rings(
    image: np.ndarray, used: np.ndarray, noise: float, x: float, y: float, q: float, pa: float
) -> Rings:
    """Means of the used pixels in elliptical rings.

    Parameters
    ----------
    image, used : ndarray, (H, W)
        Pixels, and True where they count.
    noise : float
        Noise of one pixel where there is no light of the galaxy.
    x, y, q, pa : float
        Ellipse: pixels, axis ratio, degrees counter-clockwise from +y.
    """
    sine, cosine = math.sin(math.radians(pa)), math.cos(math.radians(pa))
    dx = np.arange(image.shape[1])[None, :] - x
    dy = np.arange(image.shape[0])[:, None] - y
    # circularised: R^2 q = major^2 q + minor^2 / q
    xx, yy = q * sine**2 + cosine**2 / q, q * cosine**2 + sine**2 / q
    xy = 2.0 * (1.0 / q - q) * sine * cosine
    radius = np.sqrt(xx * dx**2 + yy * dy**2 + (xy * dx) * dy)
    # half a pixel wide near the centre, growing to a tenth of the radius
    index = (5.0 * np.arcsinh(radius * 0.4)).astype(np.intp).ravel()
    weight = used.ravel().astype(float)
    count = np.bincount(index, weight)
    good = count > 0
    total = np.bincount(index, weight * image.ravel())[good]
    mean_radius = np.bincount(index, weight * radius.ravel())[good]
    count = count[good]
    return Rings(mean_radius / count, total / count, noise / np.sqrt(count), count)


def growth_radius(rings: Rings) -> float:
    """Circularised radius of half of the light above the outermost rings' level, pixels."""
    light = np.maximum(np.cumsum(rings.mean * rings.pixels), 0.0)
    peak = int(np.argmax(light))
    if light[peak] <= 0:
        return float(rings.radius[len(rings.radius) // 4])
    part = np.maximum.accumulate(light[: peak + 1]) / light[peak]
    return float(np.interp(0.5, part, rings.radius[: peak + 1]))


def errors(rings: Rings, sky: float, floor: float = FLOOR) -> np.ndarray:
    """Errors of the rings with a share of the light above `sky` as the floor of the method."""
    return np.hypot(rings.error, floor * np.maximum(rings.mean - sky, 0.0))


def fit_sersic(rings: Rings, size: PsfSize, sky: float | None, near: float) -> RadialFit:
    """Best Sérsic profile on the grid of tabulated ones, refined between its nodes.

    Parameters
    ----------
    rings : Rings
        Data.
    size : PsfSize
        Seeing.
    sky : float or None
        Constant level that is known, or None to fit it.
    near : float
        Observed half-light radius; r_eff is searched from a tenth to four times of it.
    """
    low, high = np.searchsorted(RHO_GRID, np.array([near / 10.0, near * 4.0]) / size.r50)
    part = slice(max(int(low) - 1, 0), min(int(high) + 2, RHO_GRID.size))
    grid = library.profiles(rings.radius, size, part)
    weight = 1.0 / errors(rings, sky or 0.0) ** 2
    flux, level, cost = linear(grid, rings.mean, weight, sky)
    cost = np.where(flux > 0, cost, np.inf)
    # a galaxy with arms or bars fits badly everywhere: its misfit is noise to the weak prior
    cost *= min(1.0, rings.mean.size / max(float(cost.min()), 1e-30))
    cost += _unlikely(part, size.r50, near, float(rings.radius[-1]))
    if not np.isfinite(cost).any():
        return RadialFit(math.nan, near, 1.5, sky or 0.0)
    i, j = np.unravel_index(int(np.argmin(cost)), cost.shape)
    di, dj = _vertex(cost, int(i), int(j))
    log_n, log_rho = np.log(N_GRID), np.log(RHO_GRID[part])
    n = math.exp(np.interp(i + di, np.arange(log_n.size), log_n))
    r_eff = math.exp(np.interp(j + dj, np.arange(log_rho.size), log_rho)) * size.r50
    best = _between(grid, i + di, j + dj)
    flux, level, _ = linear(best[None], rings.mean, weight, sky)
    return RadialFit(float(flux[0]), r_eff, n, float(level[0]))


def _unlikely(part: slice, r50: float, near: float, reach: float) -> np.ndarray:
    """Weak prior (N, RHO) on n and size: it decides only where the rings say little."""
    n = ((np.log(N_GRID) - math.log(1.5)) / 0.7) ** 2
    log_r = np.log(RHO_GRID[part] * r50)
    size = (log_r - math.log(near)) ** 2 + 8.0 * np.maximum(log_r - math.log(0.5 * reach), 0.0) ** 2
    return n[:, None] + size[None, :]


def linear(
    grid: np.ndarray, mean: np.ndarray, weight: np.ndarray, sky: float | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flux, sky and chi-square of each profile of a grid (..., R), by weighted least squares."""
    if sky is not None:
        data = mean - sky
        flux = (grid @ (weight * data)) / (grid**2 @ weight)
        return flux, np.full(flux.shape, sky), float(data**2 @ weight) - flux * (grid @ (weight * data))
    total = weight.sum()
    centre = float(mean @ weight) / total
    grid_centre = (grid @ weight) / total
    data = mean - centre
    square = grid**2 @ weight - total * grid_centre**2
    product = grid @ (weight * data)
    flux = product / np.maximum(square, 1e-300)
    return flux, centre - flux * grid_centre, float(data**2 @ weight) - flux * product


def _vertex(cost: np.ndarray, i: int, j: int) -> tuple[float, float]:
    """Offset of the minimum from its grid node, by a parabola through the 3 x 3 neighbours."""
    if not (0 < i < cost.shape[0] - 1 and 0 < j < cost.shape[1] - 1):
        return 0.0, 0.0
    box = cost[i - 1 : i + 2, j - 1 : j + 2]
    if not np.isfinite(box).all():
        return 0.0, 0.0
    gi, gj = 0.5 * (box[2, 1] - box[0, 1]), 0.5 * (box[1, 2] - box[1, 0])
    ii = box[2, 1] - 2.0 * box[1, 1] + box[0, 1]
    jj = box[1, 2] - 2.0 * box[1, 1] + box[1, 0]
    ij = 0.25 * (box[2, 2] - box[2, 0] - box[0, 2] + box[0, 0])
    determinant = ii * jj - ij**2
    if not (determinant > 0 and ii > 0):
        return 0.0, 0.0
    di, dj = -(jj * gi - ij * gj) / determinant, -(ii * gj - ij * gi) / determinant
    return float(np.clip(di, -1.0, 1.0)), float(np.clip(dj, -1.0, 1.0))


def _between(grid: np.ndarray, i: float, j: float) -> np.ndarray:
    """Profile at a fractional node, logarithms interpolated linearly."""
    i0, j0 = min(int(i), grid.shape[0] - 2), min(int(j), grid.shape[1] - 2)
    u, v = i - i0, j - j0
    logs = np.log(grid[i0 : i0 + 2, j0 : j0 + 2])
    return np.exp(
        (1 - u) * ((1 - v) * logs[0, 0] + v * logs[0, 1]) + u * ((1 - v) * logs[1, 0] + v * logs[1, 1])
    )
