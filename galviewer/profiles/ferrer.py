"""The modified Ferrer profile: a nearly flat core and a sharp end, for bars and lenses.

``I = I_0 [1 - (r / r_out)^(2 - beta)]^alpha`` for r < r_out, 0 beyond. alpha > 0 says how sharply it ends
(below 1 with a vertical edge, large ones gently), beta < 2 how flat it is inside (0 a parabola, towards
2 a cusp). Half of its light lies inside 0.45 r_out for alpha = 2 and beta = 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

R_OUT = ProfileParameter(
    "r_out",
    "pixel",
    12.0,
    0.1,
    5000.0,
    "radius along the major axis beyond which there is no light",
    "log",
    start_in_r_eff=2.2,
)
ALPHA = ProfileParameter("alpha", "", 2.0, 0.2, 10.0, "sharpness of the outer end: small is sharp", "log")
BETA = ProfileParameter(
    "beta", "", 0.0, -2.0, 1.8, "central slope: 0 a flat core, towards 2 a cusp", "linear"
)

_TINY = 1e-30


def ferrer_brightness(r: Tensor, r_out: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """Brightness relative to the centre."""
    import torch

    inside = r < r_out
    # Outside, a harmless radius takes the place of the real one, so that no gradient meets a power of 0.
    log_ratio = torch.where(inside, r / r_out, 0.5).log()
    base = (-torch.expm1((2.0 - beta) * log_ratio)).clamp_min(_TINY)
    return torch.where(inside, base**alpha, 0.0)


def ferrer_flux(r_out: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    """``pi r_out^2 alpha B(alpha, 1 + 2 / (2 - beta))``, the flux of a circular profile with I_0 = 1."""
    import torch

    b = 1.0 + 2.0 / (2.0 - beta)
    log_beta = torch.lgamma(alpha) + torch.lgamma(b) - torch.lgamma(alpha + b)
    return math.pi * r_out**2 * alpha * log_beta.exp()


def ferrer_derivatives(
    r: Tensor, r_out: Tensor, alpha: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds."""
    import torch

    inside = r < r_out
    log_ratio = torch.where(inside, r / r_out, 0.5).log_()
    power = 2.0 - beta
    exponent = power * log_ratio
    log_base = (-torch.expm1(exponent)).clamp_min_(_TINY).log_()
    f = torch.where(inside, (alpha * log_base).exp(), 0.0)
    # alpha t (1 - t)^(alpha - 1)
    steep = torch.where(inside, (exponent + (alpha - 1.0) * log_base).exp(), 0.0) * alpha
    fall = steep * power
    return f, -fall, (fall / r_out, f * log_base, steep * log_ratio)


FERRER = Profile(
    name="ferrer",
    title="Modified Ferrer",
    shape=(R_OUT, ALPHA, BETA),
    brightness=ferrer_brightness,
    flux=ferrer_flux,
    derivatives=ferrer_derivatives,
    breaks=lambda r_out, alpha, beta: (r_out,),
    # An edge steeper than a parabola is sampled as if it were a ridge.
    detail=lambda r_out, alpha, beta: (2.0 * alpha) / (alpha < 1.5),
    reach=lambda r_out, alpha, beta: r_out,
    formula="I_0 [1 - (r/r_out)^(2-beta)]^alpha, 0 beyond r_out",
    reference="Ferrers 1877; Peng et al. 2010, AJ 139, 2097; Chen et al. 2024, eqs 9 and 10.",
)
