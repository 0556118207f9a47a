"""The modified (empirical) King profile: a core and a tidal edge, for star clusters.

``I = I_0 (1 - t)^(-alpha) [(1 + (r/r_c)^2)^(-1/alpha) - t]^alpha`` with ``t = (1 +
(r_t/r_c)^2)^(-1/alpha)`` for r < r_t, 0 beyond. r_c > 0 is the core radius, r_t > 0 the truncation radius,
alpha > 0; King's own has alpha = 2, at which it is held unless it is freed.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter
from galviewer.profiles.quadrature import legendre

if TYPE_CHECKING:
    import torch
    from torch import Tensor

R_C = ProfileParameter(
    "r_c", "pixel", 3.0, 0.05, 1000.0, "core radius along the major axis", "log", start_in_r_eff=0.6
)
R_T = ProfileParameter(
    "r_t",
    "pixel",
    25.0,
    0.1,
    10000.0,
    "truncation radius along the major axis, beyond which there is no light",
    "log",
    start_in_r_eff=5.0,
)
ALPHA = ProfileParameter(
    "alpha", "", 2.0, 0.2, 10.0, "how the profile falls to its edge: 2 is King's", "log", fixed=True
)


def king_brightness(r: Tensor, r_c: Tensor, r_t: Tensor, alpha: Tensor) -> Tensor:
    """Brightness relative to the centre.

    Written as ``exp(-u) [(1 - exp(-(U-u)/alpha)) / (1 - exp(-U/alpha))]^alpha`` with
    ``u = ln(1 + (r/r_c)^2)`` and U the same at r_t, which loses no digits near the edge.
    """
    import torch

    inside = r < r_t
    u, edge = _depth(torch.where(inside, r, 0.5 * r_t), r_c), _depth(r_t, r_c)
    left = (-torch.expm1((u - edge) / alpha)).clamp_min(1e-30).log()
    whole = (-torch.expm1(-edge / alpha)).log()
    return torch.where(inside, (alpha * (left - whole) - u).exp(), 0.0)


def king_flux(r_c: Tensor, r_t: Tensor, alpha: Tensor) -> Tensor:
    """Flux of a circular profile with I_0 = 1 by Gauss-Legendre quadrature, to a relative 1e-9.

    With u as above it is ``pi r_c^2 int_0^U (1 - exp(-w/alpha))^alpha dw / (1 - exp(-U/alpha))^alpha``.
    """
    import torch

    nodes, weights = _rule(r_c.device)
    edge = _depth(r_t, r_c)[..., None]
    power = alpha[..., None]
    # The cube takes the nodes to w = 0, where a power of alpha < 1 is not smooth.
    share = nodes.to(edge.dtype)
    ratio = (torch.expm1(-edge * share**4 / power) / torch.expm1(-edge / power)) ** power
    integral = (ratio * 4.0 * share**3 * weights.to(edge.dtype)).sum(-1) * edge[..., 0]
    return math.pi * r_c**2 * integral


def _depth(r: Tensor, r_c: Tensor) -> Tensor:
    """``ln(1 + (r/r_c)^2)``."""
    return ((r / r_c) ** 2).log1p()


@functools.cache
def _rule(device: torch.device) -> tuple[Tensor, Tensor]:
    import torch

    nodes, weights = legendre(64, device)
    with torch.inference_mode(False):
        return 0.5 * (nodes + 1.0), 0.5 * weights


KING = Profile(
    name="king",
    title="Modified King",
    shape=(R_C, R_T, ALPHA),
    brightness=king_brightness,
    flux=king_flux,
    breaks=lambda r_c, r_t, alpha: (r_t,),
    # An edge steeper than a parabola is sampled as if it were a ridge.
    detail=lambda r_c, r_t, alpha: (2.0 * alpha) / (alpha < 1.5),
    reach=lambda r_c, r_t, alpha: r_t,
    formula="I_0 (1-t)^(-alpha) [(1 + (r/r_c)^2)^(-1/alpha) - t]^alpha, "
    "t = (1 + (r_t/r_c)^2)^(-1/alpha), 0 beyond r_t",
    reference="King 1962, AJ 67, 471; Peng et al. 2010, AJ 139, 2097; Chen et al. 2024, eq. 11.",
)
