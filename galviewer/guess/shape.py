"""Centre, axis ratio and position angle from Gaussian-weighted moments."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np


class Shape(NamedTuple):
    """Ellipse of the light inside a weight.

    `scale` and `size` are the dispersions of the weight and of the weighted light (geometric mean
    of both axes, pixels); `signal` is the weighted light over its noise.
    """

    x: float
    y: float
    q: float
    pa: float
    scale: float
    size: float
    signal: float
    ok: bool


def moments(
    image: np.ndarray,
    used: np.ndarray,
    x: float,
    y: float,
    scale: float,
    q: float = 1.0,
    pa: float = 0.0,
    move: bool = True,
    iterations: int = 12,
) -> Shape:
    """Iterate an elliptical Gaussian weight of fixed area until it has the shape of the light in it.

    An elliptical galaxy seen through a weight of its own shape has exactly that shape, whatever
    its profile, so neither the weight nor the stamp's edge biases q and pa.

    Parameters
    ----------
    image : ndarray, (H, W)
        Sky-subtracted pixels, in units of their noise.
    used : ndarray, (H, W)
        1 where a pixel counts, 0 where not.
    x, y : float
        First centre, pixels.
    scale : float
        Geometric mean of the weight's two dispersions, pixels.
    q, pa : float
        First axis ratio and angle (degrees counter-clockwise from +y).
    move : bool
        Whether the centre follows the light.
    iterations : int
        At most so many.

    Returns
    -------
    Shape
        `size` is the geometric mean of the weighted light's dispersions; `ok` is False where the
        light has no positive moments.
    """
    start = (x, y)
    covariance = _covariance(scale, q, pa)
    size, signal, ok = scale, 0.0, False
    for _ in range(iterations):
        seen = _weighted(image, used, (x, y), covariance, scale**4)
        if seen is None:
            return Shape(*start, q, pa, scale, size, 0.0, False)
        step_x, step_y = (_clip(step, 0.5 * scale) if move else 0.0 for step in (seen.step_x, seen.step_y))
        x, y = x + step_x, y + step_y
        area: float = seen.moments[0] * seen.moments[1] - seen.moments[2] ** 2
        if not (area > 0 and seen.moments[0] > 0):
            return Shape(*start, q, pa, scale, size, 0.0, False)
        size, signal, ok = area**0.25, seen.signal, True
        # the weighted shape is half-way between weight and light: overshoot to converge quickly
        new = _overshoot(covariance, seen.moments, scale**4)
        change = max(abs(a - b) for a, b in zip(new, covariance, strict=True)) / scale**2
        covariance = new
        if change < 0.005 and max(abs(step_x), abs(step_y)) < 0.005 * scale:
            break
    q, pa = _ellipse(covariance)
    return Shape(x, y, q, pa, scale, size, signal, ok)


class _Seen(NamedTuple):
    """Light under one weight: how far its centre lies, its second moments xx, yy, xy, signal over noise."""

    step_x: float
    step_y: float
    moments: tuple[float, float, float]
    signal: float


def _weighted(
    image: np.ndarray,
    used: np.ndarray,
    centre: tuple[float, float],
    covariance: tuple[float, float, float],
    determinant: float,
) -> _Seen | None:
    """The light under an elliptical Gaussian weight; None where there is none."""
    (x, y), (xx, yy, xy) = centre, covariance
    half = 3.5 * math.sqrt(max(xx, yy))
    rows = slice(max(int(y - half), 0), min(int(y + half) + 2, image.shape[0]))
    columns = slice(max(int(x - half), 0), min(int(x + half) + 2, image.shape[1]))
    dy: np.ndarray = np.arange(rows.start, rows.stop)[:, None] - y
    dx: np.ndarray = np.arange(columns.start, columns.stop)[None, :] - x
    exponent: np.ndarray = (yy * dx**2 + xx * dy**2 - (2.0 * xy * dx) * dy) / determinant
    weight: np.ndarray = np.exp(-0.5 * exponent) * used[rows, columns]
    light: np.ndarray = weight * image[rows, columns]
    total = float(light.sum())
    if not total > 0:
        return None
    column_light: np.ndarray = light.sum(0)
    row_light: np.ndarray = light.sum(1)
    mxx = float(column_light @ dx[0] ** 2) / total
    myy = float(row_light @ dy[:, 0] ** 2) / total
    mxy = float(dy[:, 0] @ light @ dx[0]) / total
    signal = total / math.sqrt(float((weight**2).sum()))
    # 2 undoes the pull of a weight as wide as the light
    step_x, step_y = (2.0 * float((light * d).sum()) / total for d in (dx, dy))
    return _Seen(step_x, step_y, (mxx, myy, mxy), signal)


def _clip(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)


def _covariance(scale: float, q: float, pa: float) -> tuple[float, float, float]:
    """Second moments xx, yy, xy of an ellipse."""
    major, minor = scale**2 / q, scale**2 * q
    sine, cosine = math.sin(math.radians(pa)), math.cos(math.radians(pa))
    return (
        major * sine**2 + minor * cosine**2,
        major * cosine**2 + minor * sine**2,
        (minor - major) * sine * cosine,
    )


def _ellipse(covariance: tuple[float, float, float]) -> tuple[float, float]:
    """Axis ratio and position angle of second moments."""
    xx, yy, xy = covariance
    mean, difference = 0.5 * (xx + yy), math.hypot(0.5 * (xx - yy), xy)
    pa = math.degrees(0.5 * math.atan2(2.0 * xy, xx - yy)) - 90.0
    return math.sqrt(max(mean - difference, 1e-3 * mean) / (mean + difference)), pa % 180.0


def _overshoot(
    weight: tuple[float, float, float], seen: tuple[float, float, float], determinant: float
) -> tuple[float, float, float]:
    """The next weight: the seen moments freed of the present weight, at constant area."""
    w_area, s_area = determinant, seen[0] * seen[1] - seen[2] ** 2
    # inverse matrices: light^-1 = seen^-1 - weight^-1, exact for a Gaussian
    a = seen[1] / s_area - weight[1] / w_area
    b = seen[0] / s_area - weight[0] / w_area
    c = -seen[2] / s_area + weight[2] / w_area
    area = a * b - c**2
    if a > 0 and area > 0:
        light = (b / area, a / area, -c / area)
        factor = math.sqrt(determinant / (light[0] * light[1] - light[2] ** 2))
        new = tuple(value * factor for value in light)
    else:
        factor = math.sqrt(determinant / s_area)
        new = tuple(value * factor for value in seen)
    q, pa = _ellipse((new[0], new[1], new[2]))
    return _covariance(determinant**0.25, min(max(q, 0.08), 1.0), pa)
