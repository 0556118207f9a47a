"""Fluxes, half-light radii and surface brightness from fitted parameters, in closed form.

Everything here is plain floats: a finished run is read and described without torch. Profiles
without a closed form get theirs from the caller (see `HalfLight`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class HalfLight(NamedTuple):
    """Where half of an elliptical profile's light lies.

    Parameters
    ----------
    radius : float
        Major-axis half-light radius, pixels.
    mean_over_edge : float
        Mean surface brightness inside that isophote over the brightness on it; > 1 for falling profiles,
        which a ring is not.
    """

    radius: float
    mean_over_edge: float


UNKNOWN = HalfLight(math.nan, math.nan)


def sersic_b(n: float) -> float:
    """Constant for which r_eff encloses half the light of a Sérsic profile.

    Parameters
    ----------
    n : float
        Sérsic index, 0.08 to 20.

    Returns
    -------
    float
        b_n to a relative 1e-12: Newton's solution of gammainc(2n, b) = 1/2 from the series of Ciotti &
        Bertin 1999 (n > 0.36) and MacArthur, Courteau & Holtzman 2003 (below).
    """
    if n > 0.36:
        b = 2.0 * n - 1.0 / 3.0 + 4.0 / (405.0 * n) + 46.0 / (25515.0 * n * n)
    else:
        b = 0.01945 + n * (-0.8902 + n * (10.95 + n * (-19.67 + n * 13.43)))
    a = 2.0 * n
    for _ in range(20):
        # In ln b the incomplete gamma function is nearly linear around 1/2: three steps suffice.
        slope = math.exp(a * math.log(b) - b - math.lgamma(a))
        step = (0.5 - _gammainc(a, b)) / slope
        b *= math.exp(step)
        if abs(step) < 1e-13:
            break
    return b


def _gammainc(a: float, x: float) -> float:
    """Regularised lower incomplete gamma function by its power series (all terms positive)."""
    term = total = 1.0
    k = a
    while term > 1e-17 * total:
        k += 1.0
        term *= x / k
        total += term
    return total * math.exp(a * math.log(x) - x - math.lgamma(a + 1.0))


def half_light(profile: str, shape: dict[str, float]) -> HalfLight:
    """Half-light radius and concentration of a shipped elliptical profile.

    Parameters
    ----------
    profile : str
        sersic, exponential, de_vaucouleurs, gaussian or moffat; any other gives `UNKNOWN`.
    shape : dict
        The profile's shape parameters by name.

    Returns
    -------
    HalfLight
        nan where the parameters are nan or the profile has no closed form.

    References
    ----------
    Graham & Driver 2005, PASA 22, 118, eqs 7-9 for the Sérsic family.
    """
    if any(not math.isfinite(value) for value in shape.values()):
        return UNKNOWN
    if profile == "sersic":
        return HalfLight(shape["r_eff"], _sersic_mean_over_edge(shape["n"]))
    if profile == "exponential":
        return HalfLight(shape["r_eff"], _sersic_mean_over_edge(1.0))
    if profile == "de_vaucouleurs":
        return HalfLight(shape["r_eff"], _sersic_mean_over_edge(4.0))
    if profile == "gaussian":
        return HalfLight(0.5 * shape["fwhm"], _sersic_mean_over_edge(0.5))
    if profile == "moffat":
        return _moffat(shape["fwhm"], shape["beta"])
    return UNKNOWN


def _sersic_mean_over_edge(n: float) -> float:
    """``n e^b b^(-2n) Gamma(2n)``."""
    b = sersic_b(n)
    return n * math.exp(b - 2.0 * n * math.log(b) + math.lgamma(2.0 * n))


def _moffat(fwhm: float, beta: float) -> HalfLight:
    """Half the light lies where ``[1 + (r/r_d)^2]^(1 - beta) = 1/2``."""
    r_d = 0.5 * fwhm / math.sqrt(2.0 ** (1.0 / beta) - 1.0)
    reach = 2.0 ** (1.0 / (beta - 1.0)) - 1.0
    edge = (1.0 + reach) ** -beta
    return HalfLight(r_d * math.sqrt(reach), 0.5 / ((beta - 1.0) * reach * edge))


def area_factor(boxiness: float) -> float:
    """Area of an ellipse over that of the generalised ellipse of equal axes, ``R_box``; 1 for boxiness 0.

    References
    ----------
    Chen et al. 2024, eq. 6: ``pi p / (2 beta(1/p, 1/p))`` with ``p = 2 + boxiness``.
    """
    p = 2.0 + boxiness
    log_beta = 2.0 * math.lgamma(1.0 / p) - math.lgamma(2.0 / p)
    return math.pi * p / 2.0 * math.exp(-log_beta)


def surface_brightness(
    mag: float, light: HalfLight, q: float, boxiness: float, pixel_scale: float
) -> tuple[float, float]:
    """Surface brightness at, and mean inside, the half-light isophote.

    Parameters
    ----------
    mag : float
        Total magnitude.
    light : HalfLight
        From `half_light`.
    q, boxiness : float
        Shape of the isophotes.
    pixel_scale : float
        arcsec per pixel.

    Returns
    -------
    mu_eff, mean_mu_eff : float
        mag / arcsec^2.
    """
    area = math.pi * q * (light.radius * pixel_scale) ** 2 / area_factor(boxiness)
    if not area > 0:
        return math.nan, math.nan
    mean = mag + 2.5 * math.log10(2.0 * area)
    return mean + 2.5 * math.log10(light.mean_over_edge), mean


def propagate(
    function: Callable[[np.ndarray], np.ndarray], values: np.ndarray, covariance: np.ndarray
) -> np.ndarray:
    """Standard deviations of functions of correlated values, to first order.

    Parameters
    ----------
    function : callable
        ``function(values (K,)) -> (M,)``.
    values : ndarray, (K,)
        Where the derivatives are taken, by central differences of a hundredth of an error: these are
        error bars, for which that is more than enough.
    covariance : ndarray, (K, K)
        Zero rows and columns for values held fixed.

    Returns
    -------
    ndarray, (M,)
        One standard deviation of each; nan where nothing is uncertain.
    """
    steps = 0.01 * np.sqrt(np.diag(covariance))
    slopes = np.zeros((np.size(function(values)), values.size))
    for k in np.flatnonzero(steps > 0):
        forward, backward = values.copy(), values.copy()
        forward[k] += steps[k]
        backward[k] -= steps[k]
        slopes[:, k] = (function(forward) - function(backward)) / (2.0 * steps[k])
    variance = np.einsum("mk,kl,ml->m", slopes, covariance, slopes)
    return np.sqrt(np.where(variance > 0, variance, np.nan))
