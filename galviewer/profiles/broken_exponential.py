"""The broken exponential disk: one scale length inside a break, another outside.

``I = S I_0 exp(-r/h_in) [1 + exp(a (r - r_break))]^((1/h_in - 1/h_out)/a)``, S such that I(0) = I_0. h_in,
h_out > 0 are the scale lengths, r_break > 0 the radius of the break, and ``1/a`` (a the sharpness, per
pixel) the width over which one slope turns into the other. h_out < h_in is a truncated disk (type II),
h_out > h_in an antitruncated one (type III). The sharpness is held unless it is freed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

H_IN = ProfileParameter(
    "h_in",
    "pixel",
    6.0,
    0.05,
    1000.0,
    "scale length inside the break, along the major axis",
    "log",
    start_in_r_eff=0.8,
)
H_OUT = ProfileParameter(
    "h_out",
    "pixel",
    3.0,
    0.05,
    1000.0,
    "scale length outside the break, along the major axis",
    "log",
    start_in_r_eff=0.45,
)
R_BREAK = ProfileParameter(
    "r_break",
    "pixel",
    10.0,
    0.05,
    2000.0,
    "radius of the break along the major axis",
    "log",
    start_in_r_eff=1.7,
)
SHARPNESS = ProfileParameter(
    "sharpness",
    "1/pixel",
    1.0,
    0.01,
    100.0,
    "one over the width of the break: large is abrupt",
    "log",
    fixed=True,
)


def broken_exponential_brightness(
    r: Tensor, h_in: Tensor, h_out: Tensor, r_break: Tensor, sharpness: Tensor
) -> Tensor:
    """Brightness relative to the centre."""
    bend = _soft(sharpness * (r - r_break)) - _soft(-sharpness * r_break)
    return ((1.0 / h_in - 1.0 / h_out) / sharpness * bend - r / h_in).exp()


def _soft(z: Tensor) -> Tensor:
    """``ln(1 + exp(z))`` without overflow."""
    import torch

    return torch.logaddexp(z, torch.zeros_like(z))


def _breaks(h_in: Tensor, h_out: Tensor, r_break: Tensor, sharpness: Tensor) -> tuple[Tensor, ...]:
    """The break, and steps away from it on which the bend is smooth."""
    del h_in, h_out
    steps = (-27.0, -9.0, -3.0, -1.0, 0.0, 1.0, 3.0, 9.0, 27.0)
    return tuple((r_break + step / sharpness).clamp_min(1e-3 * r_break) for step in steps)


BROKEN_EXPONENTIAL = Profile(
    name="broken_exponential",
    title="Broken exponential",
    shape=(H_IN, H_OUT, R_BREAK, SHARPNESS),
    brightness=broken_exponential_brightness,
    breaks=_breaks,
    # A kink within a fifth of a pixel is sampled as if it were a ridge two pixels wide.
    detail=lambda h_in, h_out, r_break, sharpness: 2.0 / (sharpness > 5.0),
    formula="S I_0 exp(-r/h_in) [1 + exp(a (r-r_break))]^((1/h_in - 1/h_out)/a), "
    "a the sharpness, S such that I(0) = I_0",
    reference="Erwin, Pohlen & Beckman 2008, AJ 135, 20; Erwin 2015, ApJ 799, 226.",
)
