"""The Sérsic profile and the exponential disk, which is a Sérsic profile with n = 1.

`sersic_b` is accurate to 1e-9 from n = 0.08 to 20, the range of the parameter's bounds and beyond.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import R_EFF, Profile, ProfileParameter

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_LOG_N = (math.log(0.08), math.log(20.0))
_ORDER = 48


@functools.cache
def _b_over_n_series(device: torch.device) -> Tensor:
    """Chebyshev coefficients of b_n / n in ln n, from Newton's solution of gammainc(2n, b) = 1/2."""
    import torch

    # Kept for the process: made in inference mode, it would be of no use to a later gradient.
    with torch.inference_mode(False):
        k = torch.arange(_ORDER, dtype=torch.float64)
        nodes = torch.cos(math.pi * (k + 0.5) / _ORDER)
        n = (0.5 * (_LOG_N[1] - _LOG_N[0]) * (nodes + 1.0) + _LOG_N[0]).exp()
        low, high = torch.full_like(n, 1e-12), 2.0 * n + 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            below = torch.special.gammainc(2.0 * n, middle) < 0.5
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        b = 0.5 * (low + high)
        basis = torch.cos(k[:, None] * torch.acos(nodes)[None, :])
        coefficients = basis @ (b / n) * (2.0 / _ORDER)
        coefficients[0] *= 0.5
        return coefficients.to(device)


def sersic_b(n: Tensor) -> Tensor:
    """Constant for which r_eff encloses half the light.

    Parameters
    ----------
    n : Tensor, (B,)
        Sérsic index, dimensionless, 0.08 to 20 (clamped to that range).

    Returns
    -------
    Tensor, (B,)
        b_n, dimensionless.

    Notes
    -----
    Chebyshev series in ln n of the solution of gammainc(2n, b_n) = 1/2; relative error below
    1e-9 in float64, checked against scipy in tests/reference/test_sersic.py.

    References
    ----------
    Ciotti & Bertin 1999, A&A 352, 447.
    """
    return sersic_b_and_slope(n)[0]


def sersic_b_and_slope(n: Tensor) -> tuple[Tensor, Tensor]:
    """`sersic_b` and its derivative in n, (B,) each; differentiable themselves."""
    import torch

    coefficients = _b_over_n_series(n.device)
    order = torch.arange(_ORDER, dtype=torch.float64, device=n.device)
    wide = n.to(torch.float64)
    span = _LOG_N[1] - _LOG_N[0]
    t = (2.0 * (wide.log() - _LOG_N[0]) / span - 1.0).clamp(-1.0 + 1e-12, 1.0 - 1e-12)
    angle = torch.acos(t)
    ratio = torch.cos(order * angle[..., None]) @ coefficients
    slope_t = (torch.sin(order * angle[..., None]) @ (coefficients * order)) / torch.sin(angle)
    return (wide * ratio).to(n.dtype), (ratio + slope_t * 2.0 / span).to(n.dtype)


def sersic_brightness(r: Tensor, r_eff: Tensor, n: Tensor) -> Tensor:
    """Brightness relative to that at r_eff: ``exp(-b_n [(r/r_eff)^(1/n) - 1])``."""
    return (-sersic_b(n) * ((r / r_eff) ** (1.0 / n) - 1.0)).exp()


def sersic_flux(r_eff: Tensor, n: Tensor) -> Tensor:
    """``2 pi r_eff^2 n e^b b^(-2n) Gamma(2n)``, the flux of a circular profile with I_e = 1."""
    import torch

    b = sersic_b(n)
    return 2.0 * math.pi * r_eff**2 * n * (b - 2.0 * n * b.log() + torch.lgamma(2.0 * n)).exp()


def sersic_flux_slopes(r_eff: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Closed form of d ln(flux) in r_eff and n."""
    import torch

    b, slope = sersic_b_and_slope(n)
    in_n = 1.0 / n + slope - 2.0 * b.log() - 2.0 * n * slope / b + 2.0 * torch.digamma(2.0 * n)
    return 2.0 / r_eff, in_n


def sersic_derivatives(r: Tensor, r_eff: Tensor, n: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds: one log and two exps per pixel."""
    b, b_slope = sersic_b_and_slope(n)
    inverse = 1.0 / n
    log_t = (r * (1.0 / r_eff)).log_().mul_(inverse)
    t = log_t.exp()
    f = (t * -b).add_(b).exp_()
    bt_f = t.mul_(f).mul_(b * inverse)
    slope_n = log_t.sub_(n * b_slope / b).mul_(bt_f).addcmul_(f, b_slope)
    return f, -bt_f, (bt_f * (1.0 / r_eff), slope_n)


def exponential_brightness(r: Tensor, r_eff: Tensor) -> Tensor:
    """``exp(-r / r_s)`` with ``r_eff = 1.678347 r_s``."""
    return (r * (-_exponential_b() / r_eff)).exp()


def exponential_flux(r_eff: Tensor) -> Tensor:
    """``2 pi r_s^2``, the flux of a circular exponential disk with I_0 = 1."""
    return 2.0 * math.pi * (r_eff / _exponential_b()) ** 2


def exponential_derivatives(r: Tensor, r_eff: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds."""
    depth = r * (_exponential_b() / r_eff)
    f = (-depth).exp()
    slope = depth.mul_(f)
    return f, -slope, (slope / r_eff,)


@functools.cache
def _exponential_b() -> float:
    """b_n at n = 1: half-light radius over scale length."""
    import torch

    return float(sersic_b(torch.ones((), dtype=torch.float64)))


N = ProfileParameter("n", "", 2.0, 0.1, 12.0, "Sérsic index", "log")

SERSIC = Profile(
    name="sersic",
    title="Sérsic",
    shape=(R_EFF, N),
    brightness=sersic_brightness,
    flux=sersic_flux,
    flux_slopes=sersic_flux_slopes,
    derivatives=sersic_derivatives,
    formula="I_e exp(-b_n [(r/r_eff)^(1/n) - 1]), gammainc(2n, b_n) = 1/2",
    reference="Sérsic 1963; Graham & Driver 2005, PASA 22, 118; Chen et al. 2024, eqs 1 and 5.",
)

EXPONENTIAL = Profile(
    name="exponential",
    title="Exponential disk",
    shape=(R_EFF,),
    brightness=exponential_brightness,
    flux=exponential_flux,
    flux_slopes=lambda r_eff: (2.0 / r_eff,),
    derivatives=exponential_derivatives,
    formula="I_0 exp(-r/r_s), r_eff = 1.678 r_s",
    reference="Freeman 1970, ApJ 160, 811; Chen et al. 2024, eqs 7 and 8.",
)
