"""The Gaussian and the Moffat profile, both with their full width at half maximum as size."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

FWHM = ProfileParameter(
    "fwhm", "pixel", 4.0, 0.05, 1000.0, "full width at half maximum along the major axis", "log"
)
BETA = ProfileParameter(
    "beta", "", 2.5, 1.05, 20.0, "Moffat exponent: 1 shallow wings, large Gaussian", "log"
)


def gaussian_brightness(r: Tensor, fwhm: Tensor) -> Tensor:
    """``exp(-4 ln2 r^2 / fwhm^2)``."""
    return (-4.0 * math.log(2.0) * (r / fwhm) ** 2).exp()


def gaussian_flux(fwhm: Tensor) -> Tensor:
    """``2 pi s^2`` with ``fwhm = 2 sqrt(2 ln 2) s``."""
    return math.pi * fwhm**2 / (4.0 * math.log(2.0))


def moffat_brightness(r: Tensor, fwhm: Tensor, beta: Tensor) -> Tensor:
    """``[1 + (r / r_d)^2]^(-beta)`` with ``r_d = fwhm / (2 sqrt(2^(1/beta) - 1))``."""
    return (1.0 + (2.0 * r / fwhm) ** 2 * (2.0 ** (1.0 / beta) - 1.0)) ** -beta


def moffat_flux(fwhm: Tensor, beta: Tensor) -> Tensor:
    """``pi r_d^2 / (beta - 1)``."""
    r_d_squared = 0.25 * fwhm**2 / (2.0 ** (1.0 / beta) - 1.0)
    return math.pi * r_d_squared / (beta - 1.0)


GAUSSIAN = Profile(
    name="gaussian",
    title="Gaussian",
    shape=(FWHM,),
    brightness=gaussian_brightness,
    flux=gaussian_flux,
    formula="I_0 exp(-4 ln2 r^2/fwhm^2)",
    reference="Chen et al. 2024, eq. 12.",
)

MOFFAT = Profile(
    name="moffat",
    title="Moffat",
    shape=(FWHM, BETA),
    brightness=moffat_brightness,
    flux=moffat_flux,
    formula="I_0 [1 + (r/r_d)^2]^(-beta), fwhm = 2 r_d sqrt(2^(1/beta) - 1)",
    reference="Moffat 1969, A&A 3, 455; Chen et al. 2024, eqs 13-15.",
)
