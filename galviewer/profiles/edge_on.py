"""The edge-on disk: exponential along the plane, sech^2 across it, seen exactly from the side.

The integral of ``exp(-R / r_s)`` along the line of sight is ``2 r_s x K_1(x)`` with ``x = |u| / r_s``;
K_1 is the modified Bessel function of the second kind.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

R_S = ProfileParameter(
    "r_s", "pixel", 5.0, 0.05, 1000.0, "scale length of the disk", "log", start_in_r_eff=0.6
)
H_Z = ProfileParameter(
    "h_z",
    "pixel",
    1.0,
    0.02,
    1000.0,
    "scale height: brightness falls as sech^2(v / h_z)",
    "log",
    start_in_r_eff=0.15,
)
_SMALLEST = 1e-12


def x_k1(x: Tensor) -> Tensor:
    """``x K_1(x)`` for x >= 0: 1 at the origin, with its derivative ``-x K_0(x)``.

    Parameters
    ----------
    x : Tensor
        Any shape.

    Returns
    -------
    Tensor
        Relative error below 1e-6 in float32 and 1e-12 in float64 where it exceeds 1e-30; gradients of
        first order only.
    """
    import torch

    held = x.detach().clamp_min(_SMALLEST)
    value = held * torch.special.modified_bessel_k1(held)
    if not x.requires_grad:
        return value
    # torch knows no derivative of K_1; a straight line through the point has the right one.
    slope = -held * torch.special.modified_bessel_k0(held)
    return value + slope * (x - x.detach())


def sech_squared(t: Tensor) -> Tensor:
    """``1 / cosh^2 t`` without overflow."""
    e = (-2.0 * t.abs()).exp()
    return 4.0 * e / (1.0 + e) ** 2


def edge_on_brightness(u: Tensor, v: Tensor, r_s: Tensor, h_z: Tensor) -> Tensor:
    """``(|u| / r_s) K_1(|u| / r_s) sech^2(v / h_z)``."""
    return x_k1(u.abs() / r_s) * sech_squared(v / h_z)


def edge_on_flux(r_s: Tensor, h_z: Tensor) -> Tensor:
    """``2 pi r_s h_z``."""
    return 2.0 * math.pi * r_s * h_z


EDGE_ON = Profile(
    name="edge_on",
    title="Edge-on disk",
    kind="planar",
    shape=(R_S, H_Z),
    brightness=edge_on_brightness,
    flux=edge_on_flux,
    flux_slopes=lambda r_s, h_z: (1.0 / r_s, 1.0 / h_z),
    formula="I_0 (|u|/r_s) K_1(|u|/r_s) sech^2(v/h_z), u along and v across the major axis",
    reference="van der Kruit & Searle 1981, A&A 95, 105, eq. 5.",
)
