"""How brightness becomes colour: display limits, palettes, what each choice is called.

The pixels themselves are coloured in the browser (static/painter.js); this module only measures limits
and lists the palettes, once per galaxy.
"""

from __future__ import annotations

import numpy as np
from bokeh.palettes import Cividis256, Greys256, Inferno256, Magma256, Viridis256

LIMITS: dict[str, str] = {
    "sky": "automatic",
    "zscale": "zscale",
    "99.9": "99.9 %",
    "99.5": "99.5 %",
    "99": "99 %",
    "95": "95 %",
    "minmax": "min–max",
}
"""Ways to choose the darkest and brightest value, with their labels."""

RESIDUAL_MODES: dict[str, str] = {
    "sigma": "(data − model)/σ",
    "difference": "data − model",
    "relative": "(data − model)/model",
}
"""What the residual panel shows."""


def _interpolated(anchors: tuple[str, ...], n: int = 256) -> list[str]:
    """`n` colours, linear in RGB between `anchors`."""
    rgb = np.array([[int(a[i : i + 2], 16) for i in (1, 3, 5)] for a in anchors], float)
    at = np.linspace(0, len(anchors) - 1, n)
    channels = [np.interp(at, np.arange(len(anchors)), rgb[:, k]) for k in range(3)]
    return [f"#{int(r + 0.5):02x}{int(g + 0.5):02x}{int(b + 0.5):02x}" for r, g, b in np.transpose(channels)]


_BLUE_RED = (
    "#0b2d5b",
    "#1f5a94",
    "#4f93c3",
    "#9fcbe1",
    "#e3eef4",
    "#f7f7f5",
    "#fae3d6",
    "#f3b193",
    "#dc6e57",
    "#b3293b",
    "#6b0f24",
)
_NIGHT = (
    "#a6d4f5",
    "#5aa9dd",
    "#2f79ae",
    "#1c4f76",
    "#122c42",
    "#0d1117",
    "#3a1713",
    "#6c2a1c",
    "#a5482f",
    "#de7f5f",
    "#ffc3aa",
)

PALETTES: dict[str, list[str]] = {
    "magma": list(Magma256),
    "inferno": list(Inferno256),
    "viridis": list(Viridis256),
    "cividis": list(Cividis256),
    "grey": [str(colour) for colour in Greys256],
    "grey inverted": [str(colour) for colour in Greys256[::-1]],
}
"""Sequential, perceptually ordered palettes for data and model."""

DIVERGING: dict[str, list[str]] = {"light": _interpolated(_BLUE_RED), "dark": _interpolated(_NIGHT)}
"""Residual palettes: blue where the model is too bright, red where too faint; neutral at zero."""


def zscale(values: np.ndarray, contrast: float = 0.25, samples: int = 4000) -> tuple[float, float]:
    """Display limits by a straight line through the sorted values (IRAF's zscale).

    Parameters
    ----------
    values : ndarray, (N,)
        Finite pixel values, image unit.
    contrast : float
        Slope divisor, as in IRAF.
    samples : int
        At most so many values are used, evenly spread.

    Returns
    -------
    low, high : float
        Image unit; the full range when the line cannot be fitted.
    """
    ordered = np.sort(values[:: max(1, values.size // samples)].astype(float))
    n = ordered.size
    if n < 5:
        return float(values.min()), float(values.max())
    index = np.arange(n) - (n - 1) / 2
    keep = np.ones(n, bool)
    slope = middle = 0.0
    for _ in range(5):
        slope, middle = np.polyfit(index[keep], ordered[keep], 1)
        residual = ordered - (slope * index + middle)
        kept = np.abs(residual) < 2.5 * max(float(residual[keep].std()), 1e-30)
        if kept.sum() == keep.sum() or kept.sum() < max(5, n // 2):
            break
        keep = kept
    median = float(ordered[n // 2])
    low = median - (n / 2) * slope / contrast
    high = median + (n / 2) * slope / contrast
    return max(float(low), float(ordered[0])), min(float(high), float(ordered[-1]))


def limits(image: np.ndarray, mask: np.ndarray) -> dict[str, tuple[float, float]]:
    """Display limits of one galaxy for every entry of `LIMITS`.

    Parameters
    ----------
    image : ndarray, (H, W)
        Image unit.
    mask : ndarray, (H, W), bool
        True = ignored.

    Returns
    -------
    dict of str to (low, high)
        Always low < high.
    """
    values = image[~mask & np.isfinite(image)]
    if values.size == 0:
        return dict.fromkeys(LIMITS, (0.0, 1.0))
    middle = float(np.median(values))
    noise = float(np.percentile(middle - values[values <= middle], 68.3))
    # From just below the sky, so that it is dark, to the galaxy's bright part also where that is few pixels.
    top = max(float(np.percentile(values, 99.9)), min(middle + 40.0 * noise, float(values.max())))
    found = {
        "sky": (middle - 1.5 * noise, top),
        "zscale": zscale(values),
        "minmax": (float(values.min()), float(values.max())),
    }
    for name in ("99.9", "99.5", "99", "95"):
        tail = (100 - float(name)) / 2
        low, high = np.percentile(values, [tail, 100 - tail])
        found[name] = (float(low), float(high))
    return {name: _ordered(*pair) for name, pair in found.items()}


def _ordered(low: float, high: float) -> tuple[float, float]:
    """The pair, widened where the image is constant."""
    return (low, high) if high > low else (low - 0.5 * (abs(low) or 1.0), low + 0.5 * (abs(low) or 1.0))
