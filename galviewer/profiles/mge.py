"""A multi-Gaussian expansion: six Gaussians of one axis ratio, for any falling profile.

``I = sum_k F_k / (2 pi s_k^2) exp(-r^2 / (2 s_k^2))`` with standard deviations evenly spaced in their
logarithm from s_in to s_out (pixels, > 0). The light is dealt out from the inside: ``F_1 = share1``,
``F_2 = (1 - share1) share2``, ..., and the sixth takes what is left. Every share lies between 0 and 1, so
that no Gaussian is negative, the sum is 1, and no two sets of shares give the same profile. The two widths
are held at 0.15 and 3 measured half-light radii unless they are given or freed: freed, they and the shares
stand in for one another. A share at a bound is a Gaussian that is not needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

COUNT = 6

S_IN = ProfileParameter(
    "s_in",
    "pixel",
    1.0,
    0.02,
    500.0,
    "standard deviation of the narrowest Gaussian, along the major axis",
    "log",
    fixed=True,
    start_in_r_eff=0.15,
)
S_OUT = ProfileParameter(
    "s_out",
    "pixel",
    12.0,
    0.1,
    5000.0,
    "standard deviation of the widest Gaussian, along the major axis",
    "log",
    fixed=True,
    start_in_r_eff=3.0,
)
_TYPICAL = (0.02, 0.06, 0.19, 0.42, 0.72)
SHARES = tuple(
    ProfileParameter(
        f"share{k + 1}",
        "",
        share,
        0.0,
        1.0,
        f"share of Gaussian {k + 1} in the light that narrower ones leave",
        "linear",
    )
    for k, share in enumerate(_TYPICAL)
)


def mge_brightness(r: Tensor, s_in: Tensor, s_out: Tensor, *shares: Tensor) -> Tensor:
    """Brightness of a circular profile of flux 1, per square pixel."""
    r2 = r * r
    step = (s_out / s_in) ** (1.0 / (COUNT - 1))
    total, left, s = 0.0 * r2, 1.0, s_in
    for k in range(COUNT):
        part = left * shares[k] if k < COUNT - 1 else left
        inverse = 0.5 / (s * s)
        total = total + (part * inverse / math.pi) * (-r2 * inverse).exp()
        if k < COUNT - 1:
            left, s = left * (1.0 - shares[k]), s * step
    return total


def mge_derivatives(
    r: Tensor, s_in: Tensor, s_out: Tensor, *shares: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Closed form of what `with_derivatives` finds."""
    import torch

    step = (s_out / s_in) ** (1.0 / (COUNT - 1))
    r2, left, s = r * r, torch.ones_like(s_in), s_in
    f, fall, in_wide = (torch.zeros_like(r2) for _ in range(3))
    singles, lefts = [], []
    for k in range(COUNT):
        inverse = 0.5 / (s * s)
        depth = r2 * inverse
        single = (-depth).exp().mul_(inverse / math.pi)
        part = single * (left * shares[k] if k < COUNT - 1 else left)
        slope = 2.0 * depth.mul_(part)
        f, fall = f + part, fall + slope
        in_wide = in_wide + (slope - 2.0 * part) * (k / (COUNT - 1))
        singles.append(single)
        lefts.append(left)
        if k < COUNT - 1:
            left, s = left * (1.0 - shares[k]), s * step
    in_shares, outer = [], singles[-1]
    for k in reversed(range(COUNT - 1)):
        # What a share takes from all wider Gaussians is their mixture, `outer`.
        difference = singles[k] - outer
        in_shares.append(lefts[k] * difference)
        outer = outer + shares[k] * difference
    in_narrow = fall - 2.0 * f - in_wide
    return f, -fall, (in_narrow / s_in, in_wide / s_out, *reversed(in_shares))


def mge_flux(s_in: Tensor, s_out: Tensor, *shares: Tensor) -> Tensor:
    """One, whatever the parameters."""
    del s_out, shares
    return 0.0 * s_in + 1.0


MGE = Profile(
    name="mge",
    title="Multi-Gaussian expansion",
    shape=(S_IN, S_OUT, *SHARES),
    brightness=mge_brightness,
    derivatives=mge_derivatives,
    flux=mge_flux,
    flux_slopes=lambda *shape: tuple(0.0 * s for s in shape),
    formula="sum over 6 k of F_k/(2 pi s_k^2) exp(-r^2/(2 s_k^2)), ln s_k even from s_in to s_out",
    reference="Emsellem, Monnet & Bacon 1994, A&A 285, 723; Cappellari 2002, MNRAS 333, 400.",
)
