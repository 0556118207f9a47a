"""What a fit left over: structure that a richer model could explain, and scatter that none will."""

from __future__ import annotations

import math

import numpy as np

from galviewer.guess.library import psf_size
from galviewer.products import GalaxyFit
from galviewer.products.catalogue import is_neighbour

_RING = 1.5
"""Factor from the inner to the outer radius of a ring."""


def residuals(fit: GalaxyFit) -> np.ndarray:
    """Data minus model in units of sigma, 0 where masked, (H, W)."""
    if fit.model_image is None:
        return np.zeros(fit.galaxy.shape)
    scaled = (fit.galaxy.image - fit.model_image) / fit.galaxy.sigma
    return np.where(fit.galaxy.mask, 0.0, scaled)


def gains(fit: GalaxyFit) -> tuple[float, int, float, int]:
    """By how much chi2 could fall if brightness were free in rings, as flat as the largest component.

    Returns
    -------
    rings : float
        Fall of chi2 with one free value per elliptical ring.
    n_rings : int
        Number of rings; the fall that noise alone would give.
    twofold : float
        Further fall with a part of period 180 degrees in each ring, as a bar has.
    n_twofold : int
        Its number of free values.

    Notes
    -----
    Rings do not overlap, so that each value's gain is the square of its projection, and what any model
    that is smooth within the rings could gain stays below the sum.
    """
    extended = [c.name for c in fit.model.components if c.declaration.kind == "elliptical"]
    own = [name for name in extended if not is_neighbour(name)]
    named = max((fit.component(name) for name in own), key=lambda part: part["r_eff"])
    size = psf_size(fit.galaxy.psf, fit.galaxy.psf_oversample)
    height, width = fit.galaxy.shape
    dx = np.arange(width) - named["x"]
    dy = np.arange(height)[:, None] - named["y"]
    pa, q = math.radians(named.get("pa", 0.0)), max(named.get("q", 1.0), 0.1)
    along, across = -dx * math.sin(pa) + dy * math.cos(pa), dx * math.cos(pa) + dy * math.sin(pa)
    radius = np.sqrt(along**2 * q + across**2 / q)
    used = ~fit.galaxy.mask
    first = max(1.0, 0.8 * size.r50)
    ring = 1 + np.floor(np.log(np.maximum(radius, 1e-9) / first) / math.log(_RING)).astype(int)
    ring = np.clip(ring, 0, None)[used]
    z, turn = residuals(fit)[used], 2.0 * np.arctan2(across, along)[used]
    count = np.bincount(ring)
    good = count >= 4
    rings = np.bincount(ring, z)[good] ** 2 / count[good]
    waves = [
        np.bincount(ring, z * wave)[good] ** 2 / (0.5 * count[good]) for wave in (np.cos(turn), np.sin(turn))
    ]
    return float(rings.sum()), int(good.sum()), float(sum(w.sum() for w in waves)), 2 * int(good.sum())


def may_pay(gain: float, expected: int, price: float) -> bool:
    """Whether a model at this price in chi2 could win: not for a gain that is one scatter below its."""
    return gain > expected + price - math.sqrt(2.0 * expected + 4.0 * price)


def excess(fit: GalaxyFit) -> float:
    """Variance of the residuals in the galaxy's light over that of the noise, on the scale of the PSF; >= 1.

    Arms, dust and a PSF that is not quite right leave residuals that no rung of the ladder will explain, and
    that are correlated. Sums over blocks of the PSF's size then scatter by more than sigma says.
    """
    if fit.model_image is None:
        return 1.0
    size = psf_size(fit.galaxy.psf, fit.galaxy.psf_oversample)
    side = min(max(round(2.0 * size.r50), 2), 8)
    height, width = (length // side * side for length in fit.galaxy.shape)
    lit = (np.abs(_light(fit)) > fit.galaxy.sigma) & ~fit.galaxy.mask
    blocks = [_blocks(plane, side, height, width) for plane in (np.where(lit, residuals(fit), 0.0), lit)]
    full = blocks[1] >= 0.5 * side**2
    number = int(full.sum())
    if number < 8:
        return max(1.0, fit.chi2_nu)
    variance = float(np.mean(blocks[0][full] ** 2 / blocks[1][full]))
    return max(1.0, variance / (1.0 + math.sqrt(2.0 / number)), fit.chi2_nu if number < 20 else 1.0)


def _blocks(plane: np.ndarray, side: int, height: int, width: int) -> np.ndarray:
    """Sums over squares."""
    cut = plane[:height, :width].astype(float)
    return cut.reshape(height // side, side, width // side, side).sum(axis=(1, 3))


def _light(fit: GalaxyFit) -> np.ndarray:
    """The model without its sky, (H, W)."""
    if fit.component_images is None:
        return np.zeros(fit.galaxy.shape)
    shown = [c.declaration.kind != "sky" and not is_neighbour(c.name) for c in fit.model.components]
    return fit.component_images[shown].sum(0)
