"""The core-Sérsic profile: a Sérsic profile whose centre is a power law, for giant ellipticals.

``I = I' [1 + (r_break/r)^alpha]^(gamma/alpha) exp(-b_n u)`` with ``u = [(r^alpha + r_break^alpha) /
r_eff^alpha]^(1/(alpha n))``. r_eff > 0 and n are those of the Sérsic profile outside (b_n as for `sersic`:
r_eff is the half-light radius only as r_break goes to 0), r_break > 0 is where the core begins, gamma (0 to
1.3) its logarithmic slope, alpha how sharp the transition is, held unless it is freed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import R_EFF, Profile, ProfileParameter
from galviewer.profiles.sersic import N, sersic_b, sersic_b_and_slope

if TYPE_CHECKING:
    from torch import Tensor

R_BREAK = ProfileParameter(
    "r_break",
    "pixel",
    1.0,
    0.01,
    500.0,
    "radius along the major axis at which the core begins",
    "log",
    start_in_r_eff=0.2,
)
ALPHA = ProfileParameter(
    "alpha",
    "",
    5.0,
    0.2,
    100.0,
    "sharpness of the transition at the break: large is abrupt",
    "log",
    fixed=True,
)
GAMMA = ProfileParameter("gamma", "", 0.2, 0.0, 1.3, "logarithmic slope of the core", "linear")


def core_sersic_brightness(
    r: Tensor, r_eff: Tensor, n: Tensor, r_break: Tensor, alpha: Tensor, gamma: Tensor
) -> Tensor:
    """Brightness relative to that of the outer Sérsic profile at r_eff.

    ``exp(gamma s - b_n [exp((ln(r/r_eff) + s) / n) - 1])`` with ``s = ln(1 + (r_break/r)^alpha) / alpha``.
    """
    import torch

    log_r = r.log()
    lift = alpha * (r_break.log() - log_r)
    s = torch.logaddexp(lift, torch.zeros_like(lift)) / alpha
    return (gamma * s - sersic_b(n) * torch.expm1((log_r + s - r_eff.log()) / n)).exp()


def core_sersic_derivatives(
    r: Tensor, r_eff: Tensor, n: Tensor, r_break: Tensor, alpha: Tensor, gamma: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds: b_n once per galaxy instead of once per pixel."""
    import torch

    b, b_slope = sersic_b_and_slope(n)
    log_r = r.log()
    inward = r_break.log() - log_r
    lift = alpha * inward
    s = torch.logaddexp(lift, torch.zeros_like(lift)) / alpha
    share = lift.sigmoid()
    log_e = (log_r + s - r_eff.log()) / n
    rise = torch.expm1(log_e)
    f = (gamma * s - b * rise).exp()
    fall = (b / n) * (rise + 1.0) * f
    in_s = gamma * f - fall
    r_df_dr = -gamma * share * f - fall * (1.0 - share)
    in_alpha = in_s * (inward * share - s) / alpha
    return (
        f,
        r_df_dr,
        (fall / r_eff, fall * log_e - b_slope * rise * f, in_s * share / r_break, in_alpha, f * s),
    )


def _breaks(r_eff: Tensor, n: Tensor, r_break: Tensor, alpha: Tensor, gamma: Tensor) -> tuple[Tensor, ...]:
    """The break, and steps away from it (in ln r) on which the bend is smooth."""
    del r_eff, n, gamma
    steps = (-27.0, -9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 9.0, 27.0)
    return tuple(r_break * (step / alpha).exp() for step in (alpha.new_tensor(s) for s in steps))


CORE_SERSIC = Profile(
    name="core_sersic",
    title="Core-Sérsic",
    shape=(
        dataclasses.replace(
            R_EFF, meaning="half-light radius of the Sérsic profile outside, along the major axis"
        ),
        N,
        R_BREAK,
        ALPHA,
        GAMMA,
    ),
    brightness=core_sersic_brightness,
    derivatives=core_sersic_derivatives,
    breaks=_breaks,
    formula="I' [1 + (r_break/r)^alpha]^(gamma/alpha) "
    "exp(-b_n [(r^alpha + r_break^alpha)/r_eff^alpha]^(1/(alpha n)))",
    reference="Graham et al. 2003, AJ 125, 2951; Trujillo et al. 2004, AJ 127, 1917, eq. 5.",
)
