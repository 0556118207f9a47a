"""Radial profiles of seeing-convolved Sérsic galaxies, tabulated once per PSF shape.

A circular Sérsic profile convolved with a circular PSF depends, in units of the PSF's half-light
radius, on n and r_eff alone. The PSF is a Moffat function whose wing exponent is the nearest of a
few, found from its concentration. Good to some per cent, which is enough for start values.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

N_GRID = np.array([0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0])
RHO_GRID = np.geomspace(0.06, 300.0, 76)
"""r_eff over the PSF's half-light radius; steps of 12 %."""
T_GRID = np.concatenate([[0.0], np.geomspace(0.08, 12.0, 52), np.geomspace(13.2, 3000.0, 40)])
"""Radius over the PSF's half-light radius."""
BETAS = (2.0, 2.6, 3.5, 6.0, 20.0)
"""Moffat exponents; 20 is close to a Gaussian."""


class PsfSize(NamedTuple):
    """What the tables need to know about a PSF."""

    r50: float
    beta: float


def sersic_b(n: np.ndarray) -> np.ndarray:
    """b_n such that r_eff holds half the light; error below 1e-3 for n >= 0.3 (Ciotti & Bertin 1999)."""
    n = np.asarray(n, dtype=float)
    series = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25515.0 * n**2)
    low = 0.01945 - 0.8902 * n + 10.95 * n**2 - 19.67 * n**3 + 13.43 * n**4  # MacArthur+ 2003
    return np.where(n < 0.36, low, series)


def sersic(r: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sérsic profile of unit flux and unit r_eff at radius r (broadcast)."""
    b = sersic_b(n)
    gamma = np.vectorize(math.gamma)(2.0 * n)
    flux = 2.0 * math.pi * n * np.exp(b) * b ** (-2.0 * n) * gamma
    return np.exp(-b * (r ** (1.0 / n) - 1.0)) / flux


def moffat_r50(beta: float) -> float:
    """Half-light radius over the scale radius of a Moffat function."""
    return math.sqrt(2.0 ** (1.0 / (beta - 1.0)) - 1.0)


def moffat_r80(beta: float) -> float:
    """Radius of 80 % of the light over the scale radius of a Moffat function."""
    return math.sqrt(5.0 ** (1.0 / (beta - 1.0)) - 1.0)


def psf_size(psf: np.ndarray | None, oversample: int = 1) -> PsfSize:
    """Half-light radius (image pixels) and wing exponent of a PSF; a pixel's where there is none.

    Parameters
    ----------
    psf : ndarray, (Ky, Kx), or None
        Sum 1, centred by the survey's convention.
    oversample : int
        Samples per image pixel.
    """
    if psf is None:
        return PsfSize(0.39, BETAS[-1])
    rows, columns = psf.shape
    radius = np.hypot(
        np.arange(rows)[:, None] - rows // 2, np.arange(columns)[None, :] - columns // 2
    ).ravel()
    order = np.argsort(radius)
    # the light of a pixel lies around its radius: area, not radius, is what is summed evenly
    growth = np.cumsum(psf.ravel()[order])
    area = (np.arange(growth.size) + 1.0) / math.pi
    growth = np.maximum.accumulate(np.clip(growth / growth[-1], 0.0, 1.0))
    r50, r80 = (math.sqrt(float(np.interp(part, growth, area))) for part in (0.5, 0.8))
    beta = min(BETAS, key=lambda one: abs(math.log(moffat_r80(one) / moffat_r50(one)) - math.log(r80 / r50)))
    return PsfSize(max(r50 / oversample, 0.3), beta)


@functools.lru_cache(maxsize=len(BETAS))
def table(beta: float) -> np.ndarray:
    """Logarithm of the convolved profiles of unit flux, (N, RHO, T), lengths in PSF half-light radii."""
    inner = T_GRID <= 12.0
    rho = RHO_GRID[None, :, None]
    n = N_GRID[:, None, None]
    result = np.empty((N_GRID.size, RHO_GRID.size, T_GRID.size))
    result[..., ~inner] = sersic(T_GRID[~inner] / rho, n) / rho**2
    source = np.concatenate([[0.0], np.geomspace(1e-4, 0.05, 40)[:-1], np.geomspace(0.05, 40.0, 230)])
    kernel = _kernel(T_GRID[inner], source, beta)
    light = sersic(source / rho, n) / rho**2
    result[..., inner] = light @ kernel.T
    return np.log(np.maximum(result, 1e-60))


@functools.lru_cache(maxsize=len(BETAS))
def psf_profile(beta: float) -> np.ndarray:
    """Logarithm of the PSF's own profile of unit flux on T_GRID."""
    return np.log(_moffat(T_GRID, beta))


def _moffat(t: np.ndarray, beta: float) -> np.ndarray:
    """Moffat function of unit flux and unit half-light radius."""
    inverse = moffat_r50(beta)
    return (beta - 1.0) / math.pi * inverse**2 * (1.0 + (t * inverse) ** 2) ** (-beta)


def _kernel(target: np.ndarray, source: np.ndarray, beta: float) -> np.ndarray:
    """Weights (target, source) that convolve a radial profile with the PSF: int g(|r - r'|) r' dr' dtheta."""
    # angles dense near zero, where the PSF is narrow seen from a large radius
    theta = math.pi * np.linspace(0.0, 1.0, 81) ** 2.5
    distance2 = (
        target[:, None, None] ** 2
        + source[None, :, None] ** 2
        - 2.0 * target[:, None, None] * source[None, :, None] * np.cos(theta)
    )
    around = 2.0 * np.trapezoid(_moffat(np.sqrt(np.maximum(distance2, 0.0)), beta), theta, axis=-1)
    # integrate r' dr' exactly over the cells between the mid points
    edges = np.concatenate([[0.0], 0.5 * (source[1:] + source[:-1]), [source[-1]]])
    return around * 0.5 * np.diff(edges**2)


def profiles(radius: np.ndarray, size: PsfSize, rho: slice = slice(None)) -> np.ndarray:
    """Convolved profiles of unit flux at radii in pixels.

    Parameters
    ----------
    radius : ndarray, (R,)
        Circularised radii, pixels.
    size : PsfSize
        The PSF.
    rho : slice, optional
        Part of RHO_GRID.

    Returns
    -------
    ndarray, (N, RHO, R)
        Per square pixel.
    """
    index, weight = _position(radius / size.r50)
    logs = table(size.beta)[:, rho]
    values = logs[..., index] * (1.0 - weight) + logs[..., index + 1] * weight
    return np.exp(values) / size.r50**2


def point(radius: np.ndarray, size: PsfSize) -> np.ndarray:
    """The PSF's profile at radii in pixels, (R,), per square pixel."""
    index, weight = _position(radius / size.r50)
    logs = psf_profile(size.beta)
    return np.exp(logs[index] * (1.0 - weight) + logs[index + 1] * weight) / size.r50**2


def _position(t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index and fraction of radii on T_GRID."""
    index = np.clip(np.searchsorted(T_GRID, t, side="right") - 1, 0, T_GRID.size - 2)
    weight = (t - T_GRID[index]) / (T_GRID[index + 1] - T_GRID[index])
    return index, np.clip(weight, 0.0, 1.0)
