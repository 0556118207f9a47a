"""What modifiers do to the integral of a profile over the plane, so that `mag` stays the total magnitude.

Bending and winding keep areas; an inclination shrinks them; Fourier modes change them by an integral over
azimuth; a cut-off needs the integral over radius.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from galviewer.profiles import Profile, size_of, total
from galviewer.profiles.declaration import log_nodes
from galviewer.render.geometry import box_area

if TYPE_CHECKING:
    from torch import Tensor

_LEAST_SHARE = 0.05
"""Fourier modes shrink no radius below this share."""
_AZIMUTHS = 1024

Named = dict[str, "Tensor"]


def modified_area(profile: Profile, named: Named) -> Tensor:
    """Integral of the relative brightness over the plane.

    Parameters
    ----------
    profile : Profile
        Planar or elliptical, with any modifiers.
    named : dict of Tensor, (B,)
        All its parameters but x, y, mag and pa.

    Returns
    -------
    Tensor, (B,)
        pixel^2; relative accuracy 1e-6, 1e-5 with a cut-off.
    """
    cut = any(modifier.stage == "cutoff" for modifier in profile.modifiers)
    shape = tuple(named[parameter.name] for parameter in profile.shape)
    area = _cut_total(profile, shape, named) if cut else total(profile, *shape)
    for modifier in profile.modifiers:
        if modifier.area is not None:
            area = area * modifier.area(*(named[p.name] for p in modifier.parameters))
    if profile.kind == "planar":
        return area
    return area * named["q"] * box_area(named["boxiness"]) * _azimuthal(profile, named)


def radius_share(profile: Profile, cos: Tensor, sin: Tensor, named: Named) -> Tensor:
    """By what the radius is multiplied at an azimuth, given by its cosine and sine."""
    share = 1.0
    for modifier in profile.modifiers:
        if modifier.stage == "radius":
            share = share + modifier.apply(cos, sin, *(named[p.name] for p in modifier.parameters))
    assert isinstance(share, torch.Tensor)  # asked for only where a modifier changes the radius
    return share.clamp_min(_LEAST_SHARE)


def cutoff_share(profile: Profile, r: Tensor, named: Named) -> Tensor:
    """What the cut-offs leave of the brightness at radius r."""
    left = torch.ones_like(r)
    for modifier in profile.modifiers:
        if modifier.stage == "cutoff":
            left = left * modifier.apply(r, *(named[p.name] for p in modifier.parameters))
    return left


def _azimuthal(profile: Profile, named: Named) -> Tensor:
    """Area with Fourier modes over the area without, by the mean over azimuth of radius squared."""
    if not any(modifier.stage == "radius" for modifier in profile.modifiers):
        return torch.ones_like(named["q"])
    wide = {name: value[..., None] for name, value in named.items()}
    step = 2.0 * math.pi / _AZIMUTHS
    angle = (torch.arange(_AZIMUTHS, dtype=named["q"].dtype, device=named["q"].device) + 0.5) * step
    cos, sin = angle.cos(), angle.sin()
    p = wide["boxiness"] + 2.0
    squared = (cos.abs() ** p + sin.abs() ** p) ** (-2.0 / p)
    changed = squared * radius_share(profile, cos, sin, wide) ** -2
    return changed.sum(-1) / squared.sum(-1)


def _cut_total(profile: Profile, shape: tuple[Tensor, ...], named: Named) -> Tensor:
    """``2 pi int f P r dr``, even in ln r: exact while the cut-off is softer than a hundredth of its edge."""
    assert profile.brightness is not None  # elliptical profiles always have one
    nodes, weights = log_nodes(1e-6, 1e4, 6001, shape[0])
    size = size_of(profile, shape)[..., None]
    wide = {name: value[..., None] for name, value in named.items()}
    r = size * nodes
    light = profile.brightness(r, *(s[..., None] for s in shape)) * cutoff_share(profile, r, wide)
    return 2.0 * math.pi * (size * weights * light * r).sum(-1)


def smallest_width(profile: Profile, named: Named) -> Tensor:
    """How wide the thinnest structure outside the centre is, pixels, (B,): twice the scale of its sech^2.

    A planar profile is looked at across its axis at one length along it, and along its axis. Of an
    elliptical one, what the ellipse alone does is left to the grids around its centre.
    """
    width = torch.full_like(named["pa"], math.inf)
    if profile.kind == "planar":
        width = _planar_width(profile, named)
    elif profile.detail is not None:
        width = torch.minimum(width, profile.detail(*(named[p.name] for p in profile.shape)) * named["q"])
    for modifier in profile.modifiers:
        own = [named[p.name] for p in modifier.parameters]
        if modifier.stage == "cutoff":
            width = torch.minimum(width, own[1] * named.get("q", 1.0))
        if modifier.name == "spiral":
            width = torch.minimum(width, _arm_width(profile, named))
    return width


def _planar_width(profile: Profile, named: Named) -> Tensor:
    """Integral over the peak along both axes, the smaller one."""
    assert profile.brightness is not None  # planar profiles always have one
    shape = tuple(named[parameter.name][..., None] for parameter in profile.shape)
    size = size_of(profile, shape)
    along, weights = log_nodes(1e-3, 1e2, 64, named["pa"])
    both, weights = size * torch.cat((-along, along)), torch.cat((weights, weights))
    across = profile.brightness(size.expand(both.shape), both, *shape)
    lengthwise = profile.brightness(both, torch.zeros_like(both), *shape)
    widths = [size[..., 0] * (f * weights).sum(-1) / f.amax(-1) for f in (across, lengthwise)]
    return torch.minimum(widths[0], widths[1])


def _arm_width(profile: Profile, named: Named) -> Tensor:
    """Minor axis at the size radius, narrowed by the shear of the rotation there."""
    from galviewer.profiles.modifiers import spiral_rotation

    size = named[profile.size]
    r = 0.5 * named["spiral_r_out"]
    step = 0.01 * r
    own = [named[n] for n in ("spiral_r_in", "spiral_r_out", "spiral_angle", "spiral_scale")]
    shear = r * (spiral_rotation(r + step, *own) - spiral_rotation(r - step, *own)) / (2.0 * step)
    q = named.get("q", torch.ones_like(size))
    return q * size * torch.deg2rad(named["inclination"]).cos() / (1.0 + shear * shear).sqrt()
