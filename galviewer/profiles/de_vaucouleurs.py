"""De Vaucouleurs' law: the Sérsic profile with n = 4, for ellipticals and classical bulges.

``I = I_e exp(-b [(r / r_eff)^(1/4) - 1])``, b = 7.669249..., r_eff > 0 the half-light radius (pixels).
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import R_EFF, Profile
from galviewer.profiles.sersic import sersic_b

if TYPE_CHECKING:
    from torch import Tensor


def de_vaucouleurs_brightness(r: Tensor, r_eff: Tensor) -> Tensor:
    """Brightness relative to that at r_eff."""
    return (-_b() * ((r / r_eff) ** 0.25 - 1.0)).exp()


def de_vaucouleurs_flux(r_eff: Tensor) -> Tensor:
    """``8 pi r_eff^2 e^b b^(-8) 7!``, the flux of a circular profile with I_e = 1."""
    return r_eff**2 * (8.0 * math.pi * math.factorial(7) * math.exp(_b()) / _b() ** 8)


def de_vaucouleurs_derivatives(r: Tensor, r_eff: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds."""
    t = (r / r_eff) ** 0.25
    f = (-_b() * (t - 1.0)).exp()
    slope = t.mul_(f).mul_(0.25 * _b())
    return f, -slope, (slope / r_eff,)


@functools.cache
def _b() -> float:
    import torch

    return float(sersic_b(torch.full((), 4.0, dtype=torch.float64)))


DE_VAUCOULEURS = Profile(
    name="de_vaucouleurs",
    title="de Vaucouleurs",
    shape=(R_EFF,),
    brightness=de_vaucouleurs_brightness,
    flux=de_vaucouleurs_flux,
    flux_slopes=lambda r_eff: (2.0 / r_eff,),
    derivatives=de_vaucouleurs_derivatives,
    formula="I_e exp(-7.669 [(r/r_eff)^(1/4) - 1])",
    reference="de Vaucouleurs 1948, Annales d'Astrophysique 11, 247.",
)
