"""One planar or modified component at given points: its brightness and its exact derivative planes.

The counterpart of `planes.Brightness` for what has no closed derivatives: a function of the offsets and of
all parameters, whose derivative planes come from one automatic backward pass. Of an elliptical profile only
the radius is differentiated so; brightness and cut-offs are functions of that radius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from galviewer.conventions import mag_to_flux
from galviewer.profiles import Profile, slopes_of, with_derivatives
from galviewer.render.areas import cutoff_share, modified_area, radius_share, smallest_width
from galviewer.render.realisation import Realisation
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

_SMALLEST = 1e-9
"""Radius (pixels) below which it is held, so that derivatives stay finite at the centre."""
_AT_ONCE = 1 << 21
"""Evaluations of a simple function at once."""

Named = dict[str, "Tensor"]


@dataclass(frozen=True)
class GeneralBrightness(Realisation):
    """B galaxies of one planar or modified profile; derivatives by one backward pass."""

    @property
    def _shape_names(self) -> tuple[str, ...]:
        return tuple(parameter.name for parameter in self.profile.shape)

    @property
    def _areal(self) -> tuple[str, ...]:
        """Parameters on which the integral of the relative brightness depends."""
        return tuple(n for n in self.profile.parameter_names if n not in ("x", "y", "mag", "pa"))

    @cached_property
    def _area_and_slopes(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Integral of the relative brightness, and the derivatives of its logarithm in `_areal`."""
        names, profile = self._areal, self.profile
        inputs = tuple(self.value(name).double() for name in names)
        area, slopes = slopes_of(lambda *v: modified_area(profile, dict(zip(names, v, strict=True))), inputs)
        return area, {name: slope / area for name, slope in zip(names, slopes, strict=True)}

    @cached_property
    def amplitude(self) -> Tensor:
        """Brightness per relative brightness, (B,), such that the integral is the flux; float64."""
        flux = mag_to_flux(self.value("mag").double(), self.zeropoint.double())
        return flux / modified_area(self.profile, {n: self.value(n).double() for n in self._areal})

    def evaluate(self, dx: Tensor, dy: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The image and all wanted planes, as `planes.Brightness.evaluate`; piecewise where that is large."""
        full = torch.broadcast_shapes(dx.shape, dy.shape, (len(self.values), *([1] * (dx.dim() - 1))))
        pieces = len(self.values) * max(full[1:].numel(), 1) * self.profile.cost // _AT_ONCE + 1
        if pieces == 1:
            return self._evaluate(dx, dy, weight)
        flat = [t.expand(full).flatten(1).tensor_split(pieces, 1) for t in (dx, dy, weight)]
        found = [self._evaluate(*part) for part in zip(*flat, strict=True)]
        return {name: torch.cat([f[name] for f in found], 1).reshape(full) for name in found[0]}

    def image(self, dx: Tensor, dy: Tensor, weight: Tensor) -> Tensor:
        """``weight`` times brightness at offsets (dx, dy) from the centre; as `planes.Brightness.image`."""
        return replace(self, wanted=frozenset()).evaluate(dx, dy, weight)["image"]

    def _evaluate(self, dx: Tensor, dy: Tensor, weight: Tensor) -> dict[str, Tensor]:
        wide = [1] * (dx.dim() - 1)
        named = {n: self.value(n).to(dx.dtype).reshape(-1, *wide) for n in self.profile.parameter_names}
        named["dx"], named["dy"], _ = torch.broadcast_tensors(dx, dy, named["pa"])
        wanted = [{"x": "dx", "y": "dy"}.get(name, name) for name in sorted(self.wanted)]
        if self.profile.kind == "planar":
            f, slopes = differentiate(self._surface, named, wanted)
        else:
            f, slopes = self._elliptical(named, wanted)
        image = f * weight
        return {"image": image} | {
            name: self._plane(name, slopes, image, weight)
            for name in self.wanted
            if name in (*slopes, "x", "y")
        }

    def _plane(self, name: str, slopes: Named, image: Tensor, weight: Tensor) -> Tensor:
        """One derivative plane, with what the amplitude, which keeps the flux, adds."""
        if name in ("x", "y"):
            return -slopes[f"d{name}"] * weight
        plane = slopes[name] * weight
        if name in self._areal:
            change = self._area_and_slopes[1][name].to(image.dtype)
            plane -= image * change.reshape(-1, *([1] * (image.dim() - 1)))
        return plane

    def _surface(self, named: Named) -> Tensor:
        """Relative brightness of a planar profile."""
        assert self.profile.brightness is not None  # planar profiles always have one
        u, v = _axes(self.profile, named)
        return self.profile.brightness(u, v, *self._shape(named)).expand(u.shape)

    def _elliptical(self, named: Named, wanted: list[str]) -> tuple[Tensor, Named]:
        """Relative brightness of a function of a modified radius, and its derivatives.

        The radius and the cut-offs are differentiated automatically; the profile as it knows how.
        """
        moving = [n for n in wanted if n not in self._shape_names or n == self.profile.size]
        cuts = [p.name for m in self.profile.modifiers if m.stage == "cutoff" for p in m.parameters]
        r, slopes = differentiate(self._radius, named, [n for n in moving if n not in cuts])
        if not wanted:
            assert self.profile.brightness is not None  # elliptical profiles always have one
            return self._cutoff({**named, "r": r}) * self.profile.brightness(r, *self._shape(named)), {}
        f, r_df_dr, df_dshape = with_derivatives(self.profile, r, *self._shape(named))
        found = {n: s for n, s in zip(self._shape_names, df_dshape, strict=True) if n in wanted}
        if cuts:
            chosen = ["r", *(n for n in cuts if n in wanted)]
            left, cut_slopes = differentiate(self._cutoff, {**named, "r": r}, chosen)
            r_df_dr = r_df_dr * left + r * cut_slopes.pop("r") * f
            found = {n: s * left for n, s in found.items()} | {n: s * f for n, s in cut_slopes.items()}
            f = f * left
        in_r = r_df_dr / r
        for name, slope in slopes.items():
            found[name] = in_r * slope + found[name] if name in found else in_r * slope
        return f, found

    def _shape(self, named: Named) -> tuple[Tensor, ...]:
        return tuple(named[name] for name in self._shape_names)

    def _radius(self, named: Named) -> Tensor:
        """Radius with all that modifies it, held above a tiny value."""
        u, v = _axes(self.profile, named)
        w = v / named["q"]
        squared = (u * u + w * w).clamp_min(_SMALLEST**2)
        if self.superelliptical:
            p = named["boxiness"] + 2.0
            power = u.abs().clamp_min(_SMALLEST) ** p + w.abs().clamp_min(_SMALLEST) ** p
            r = power ** (1.0 / p)
        else:
            r = squared.sqrt()
        if not any(modifier.stage == "radius" for modifier in self.profile.modifiers):
            return r
        inverse = squared.rsqrt()
        return r * radius_share(self.profile, -u * inverse, -w * inverse, named)

    def _cutoff(self, named: Named) -> Tensor:
        return cutoff_share(self.profile, named["r"], named)

    def fineness(self, settings: RenderSettings) -> Tensor:
        """How many times denser than pixels brightness must be sampled along each axis, (B,) of int."""
        width = smallest_width(
            self.profile, {n: self.value(n).double() for n in self.profile.parameter_names}
        )
        return torch.ceil(settings.fine_width / width).clamp(1.0, settings.fine_limit).long()


def _axes(profile: Profile, named: Named) -> tuple[Tensor, Tensor]:
    """Coordinates along the major and the minor axis, after all that bends them."""
    dx, dy = named["dx"], named["dy"]
    for modifier in profile.modifiers:
        if modifier.stage == "plane":
            dx, dy = modifier.apply(dx, dy, *(named[p.name] for p in modifier.parameters))
    angle = torch.deg2rad(named["pa"])
    sin, cos = angle.sin(), angle.cos()
    u, v = dy * cos - dx * sin, dx * cos + dy * sin
    along = u
    for modifier in profile.modifiers:
        if modifier.stage == "axes":
            own = (named[p.name] for p in modifier.parameters)
            u, v = modifier.apply(along, v, named[profile.size], *own)
    return u, v


def differentiate(
    function: Callable[[Named], Tensor], named: Named, names: list[str]
) -> tuple[Tensor, Named]:
    """An elementwise function of named planes and its derivative in some of them, by one backward pass."""
    names = [name for name in names if name in named]
    if not names:
        return function(named), {}
    shape = named["dx"].shape
    found, slopes = slopes_of(
        lambda *leaves: function(named | dict(zip(names, leaves, strict=True))),
        tuple(named[name].expand(shape) for name in names),
    )
    return found, dict(zip(names, slopes, strict=True))
