"""The Gaussian ring: for rings of star formation and resonance rings.

``I = I_0 exp(-(r - r_ring)^2 / (2 width^2))``. r_ring >= 0 is the radius of the crest, width > 0 the standard
deviation across it, both along the major axis; with r_ring = 0 it is a Gaussian.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

R_RING = ProfileParameter(
    "r_ring",
    "pixel",
    8.0,
    0.05,
    1000.0,
    "radius of the ring's crest along the major axis",
    "log",
    start_in_r_eff=1.0,
)
WIDTH = ProfileParameter(
    "width",
    "pixel",
    2.0,
    0.05,
    1000.0,
    "standard deviation across the ring, along the major axis",
    "log",
    start_in_r_eff=0.35,
)


def ring_brightness(r: Tensor, r_ring: Tensor, width: Tensor) -> Tensor:
    """Brightness relative to the crest."""
    return (-0.5 * ((r - r_ring) / width) ** 2).exp()


def ring_flux(r_ring: Tensor, width: Tensor) -> Tensor:
    """``2 pi w [w e^(-t^2) + r_ring sqrt(pi/2) (1 + erf t)]`` with ``t = r_ring / (sqrt(2) w)``, I_0 = 1."""
    t = r_ring / (math.sqrt(2.0) * width)
    return (
        2.0 * math.pi * width * (width * (-t * t).exp() + math.sqrt(0.5 * math.pi) * r_ring * (1.0 + t.erf()))
    )


def ring_derivatives(r: Tensor, r_ring: Tensor, width: Tensor) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds."""
    z = (r - r_ring) / width
    f = (-0.5 * z * z).exp_()
    slope = z * f / width
    return f, -slope * r, (slope, slope * z)


RING = Profile(
    name="ring",
    title="Gaussian ring",
    shape=(R_RING, WIDTH),
    brightness=ring_brightness,
    flux=ring_flux,
    derivatives=ring_derivatives,
    breaks=lambda r_ring, width: tuple(
        (r_ring + step * width).clamp_min(1e-3 * width) for step in (-8, -4, -2, 0, 2, 4, 8)
    ),
    detail=lambda r_ring, width: 4.0 * width,
    reach=lambda r_ring, width: r_ring + 7.0 * width,
    size="width",
    formula="I_0 exp(-(r-r_ring)^2 / (2 width^2))",
    reference="Erwin 2015, ApJ 799, 226, section 4 (GaussianRing).",
)
