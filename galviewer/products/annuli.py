"""Means in elliptical annuli: the numbers behind the radial profile.

Pixels are sorted into annuli once per geometry; after that a profile of any image is one weighted bincount.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

_LOOKUP_PER_PIXEL = 8.0


@dataclass(frozen=True)
class Geometry:
    """The ellipse that the annuli follow.

    Parameters
    ----------
    x, y : float
        Centre, pixel.
    q : float
        Axis ratio.
    pa : float
        Degree, counter-clockwise from +y.
    """

    x: float
    y: float
    q: float = 1.0
    pa: float = 0.0

    def radius(self, shape: tuple[int, int]) -> np.ndarray:
        """Elliptical radius of each pixel along the major axis, pixel; (H, W) float32."""
        height, width = shape
        dx = (np.arange(width, dtype=np.float32) - np.float32(self.x))[None, :]
        dy = (np.arange(height, dtype=np.float32) - np.float32(self.y))[:, None]
        sine, cosine = math.sin(math.radians(self.pa)), math.cos(math.radians(self.pa))
        along = dy * np.float32(cosine) - dx * np.float32(sine)
        across = (dx * np.float32(cosine) + dy * np.float32(sine)) / np.float32(max(self.q, 1e-3))
        return np.sqrt(along * along + across * across)


def edges(largest: float, growth: float = 0.07) -> np.ndarray:
    """Annulus edges from 0 to `largest` pixels: one pixel wide, then `growth` times the radius."""
    found = [0.0, 0.5]
    while found[-1] < largest:
        found.append(found[-1] + max(1.0, growth * found[-1]))
    return np.array(found)


class Annuli:
    """The annuli of one galaxy and one geometry.

    Parameters
    ----------
    geometry : Geometry
        Ellipse that the annuli follow.
    mask : ndarray, (H, W), bool
        True = left out.

    Attributes
    ----------
    radius : ndarray, (A,)
        Mean radius of the unmasked pixels of each non-empty annulus, pixel.
    count : ndarray, (A,)
        Unmasked pixels in each.
    """

    def __init__(self, geometry: Geometry, mask: np.ndarray) -> None:
        self.geometry = geometry
        radius = geometry.radius(mask.shape).ravel()
        reach = _reach(geometry, mask.shape)
        bounds = edges(reach)
        fine = np.arange(0.0, bounds[-1] + 2.0, 1.0 / _LOOKUP_PER_PIXEL)
        table = np.clip(np.searchsorted(bounds, fine, side="right") - 1, 0, len(bounds) - 1).astype(np.int32)
        outside = len(bounds) - 1
        table[fine >= bounds[-1]] = outside
        position = np.minimum(radius * np.float32(_LOOKUP_PER_PIXEL), np.float32(len(table) - 1)).astype(
            np.int32
        )
        bins = table[position]
        bins[mask.ravel()] = outside
        self._bins = bins
        self._length = outside + 1
        count = np.bincount(bins, minlength=self._length)[:outside]
        self._kept = np.flatnonzero(count)
        self.count = count[self._kept]
        self.radius = self.mean(radius)

    def total(self, image: np.ndarray) -> np.ndarray:
        """Sum of `image` (H, W) over each annulus, (A,)."""
        return np.bincount(self._bins, weights=image.ravel(), minlength=self._length)[self._kept]

    def mean(self, image: np.ndarray) -> np.ndarray:
        """Mean of `image` (H, W) over each annulus, (A,)."""
        return self.total(image) / self.count

    def mean_error(self, sigma: np.ndarray) -> np.ndarray:
        """Standard error of the mean of independent pixels with noise `sigma` (H, W), (A,)."""
        return np.sqrt(self.total(np.square(sigma))) / self.count


def _reach(geometry: Geometry, shape: tuple[int, int]) -> float:
    """Largest major-axis radius whose minor axis still lies in the stamp, pixel."""
    height, width = shape
    side = max(geometry.x, width - 1 - geometry.x, geometry.y, height - 1 - geometry.y, 4.0)
    return float(min(side * 1.15, side / max(geometry.q, 0.2)))


def psf_fwhm(psf: np.ndarray | None, oversample: int = 1) -> float:
    """Full width of the area above half the PSF's peak, image pixels; nan without a PSF.

    The area is interpolated through the radial rank of the brightest pixels, good to a tenth of a pixel.
    """
    if psf is None or not np.isfinite(psf).all() or psf.max() <= 0:
        return math.nan
    ordered = np.sort(psf.ravel())[::-1] / psf.max()
    area = float(np.interp(0.5, ordered[::-1], np.arange(ordered.size, 0, -1) - 0.5))
    return 2.0 * math.sqrt(max(area, 0.5) / math.pi) / oversample
