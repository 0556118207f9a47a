"""The Nuker law: two power laws, for the centres of early-type galaxies.

``I = I_b 2^((beta-gamma)/alpha) x^(-gamma) [1 + x^alpha]^((gamma-beta)/alpha)`` with ``x = r/r_break``.
r_break > 0 is where the slope turns from gamma inside to beta outside, alpha how sharply. The light is
finite for gamma < 2 < beta only; the bounds (beta >= 2.1, gamma <= 1.3) keep it so, but with beta near 2
most of it lies far outside any image. alpha is held unless it is freed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

R_BREAK = ProfileParameter(
    "r_break",
    "pixel",
    4.0,
    0.05,
    1000.0,
    "radius along the major axis at which the slope turns",
    "log",
    start_in_r_eff=0.8,
)
ALPHA = ProfileParameter(
    "alpha", "", 2.0, 0.2, 20.0, "sharpness of the turn: large is abrupt", "log", fixed=True
)
BETA = ProfileParameter("beta", "", 3.5, 2.1, 15.0, "logarithmic slope outside the break", "log")
GAMMA = ProfileParameter("gamma", "", 0.3, 0.0, 1.3, "logarithmic slope inside the break", "linear")


def nuker_brightness(r: Tensor, r_break: Tensor, alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """Brightness relative to that at r_break."""
    import torch

    log_x = (r / r_break).log()
    turn = torch.logaddexp(alpha * log_x, torch.zeros_like(log_x)) - math.log(2.0)
    return ((gamma - beta) / alpha * turn - gamma * log_x).exp()


def nuker_flux(r_break: Tensor, alpha: Tensor, beta: Tensor, gamma: Tensor) -> Tensor:
    """``2 pi r_break^2 2^((beta-gamma)/alpha) B((2-gamma)/alpha, (beta-2)/alpha) / alpha`` with I_b = 1."""
    import torch

    a, b = (2.0 - gamma) / alpha, (beta - 2.0) / alpha
    log_beta = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)
    return 2.0 * math.pi * r_break**2 / alpha * (log_beta + (a + b) * math.log(2.0)).exp()


def _breaks(r_break: Tensor, alpha: Tensor, beta: Tensor, gamma: Tensor) -> tuple[Tensor, ...]:
    """The turn, and steps away from it (in ln r) on which it is smooth."""
    del beta, gamma
    steps = (-9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 9.0)
    return tuple(r_break * (step / alpha).exp() for step in (alpha.new_tensor(s) for s in steps))


NUKER = Profile(
    name="nuker",
    title="Nuker",
    shape=(R_BREAK, ALPHA, BETA, GAMMA),
    brightness=nuker_brightness,
    flux=nuker_flux,
    breaks=_breaks,
    formula="I_b 2^((beta-gamma)/alpha) x^(-gamma) [1 + x^alpha]^((gamma-beta)/alpha), x = r/r_break",
    reference="Lauer et al. 1995, AJ 110, 2622, eq. 3.",
)
