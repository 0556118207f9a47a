"""One elliptical component at given points: its brightness and its exact derivative planes.

Everything downstream (windows, interpolation, convolution, pixel averages) is linear in brightness,
so the same steps serve the image and every derivative.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from galviewer.conventions import mag_to_flux
from galviewer.model import Component
from galviewer.profiles import get, total, total_slopes, with_derivatives
from galviewer.render.general import GeneralBrightness
from galviewer.render.geometry import Ellipses, box_area, box_area_slope
from galviewer.render.layout import RenderedComponent
from galviewer.render.realisation import Realisation
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

_GEOMETRIC = frozenset({"x", "y", "q", "pa", "boxiness"})

Slot = tuple[str, int, float]
"""Name of a component's plane, the scene's plane it is added to, the factor it is added with."""


@dataclass(frozen=True)
class Brightness(Realisation):
    """B galaxies of one elliptical profile without modifiers; closed derivatives where there are any."""

    @property
    def shape(self) -> tuple[Tensor, ...]:
        """The shape parameters, each (B,)."""
        return tuple(self.value(parameter.name) for parameter in self.profile.shape)

    @cached_property
    def amplitude(self) -> Tensor:
        """Brightness per relative brightness, (B,), such that the integral is the flux; float64."""
        wide = [s.double() for s in self.shape]
        flux = mag_to_flux(self.value("mag").double(), self.zeropoint.double())
        area = self.value("q").double() * box_area(self.value("boxiness").double())
        return flux / (area * total(self.profile, *wide))

    @cached_property
    def amplitude_slopes(self) -> dict[str, Tensor]:
        """d(ln amplitude)/d(name) for each shape parameter, q and boxiness; (B,), float64."""
        shape = total_slopes(self.profile, *(s.double() for s in self.shape))
        slopes = {p.name: -slope for p, slope in zip(self.profile.shape, shape, strict=True)}
        slopes["q"] = -1.0 / self.value("q").double()
        if "boxiness" in self.wanted:
            slopes["boxiness"] = -box_area_slope(self.value("boxiness").double())
        return slopes

    def fineness(self, settings: RenderSettings) -> Tensor:
        """How many times denser than pixels brightness must be sampled along each axis, (B,) of int."""
        if self.profile.detail is None:
            return torch.ones(len(self.values), dtype=torch.long, device=self.values.device)
        width = self.profile.detail(*(s.double() for s in self.shape)) * self.value("q").double()
        return torch.ceil(settings.fine_width / width).clamp(1.0, settings.fine_limit).long()

    def reach(self) -> float:
        """Distance from the centre, pixels, beyond which none of the galaxies has light to speak of."""
        if self.profile.reach is None:
            return math.inf
        radius = float(self.profile.reach(*self.shape).max())
        # The corners of a boxy shape stick out: by the root of 2 at the most.
        return radius * (math.sqrt(2.0) if self.superelliptical else 1.0)

    def evaluate(self, dx: Tensor, dy: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """All wanted planes, or just the image where no derivative is wanted; as `planes` and `image`."""
        return self.planes(dx, dy, weight) if self.wanted else {"image": self.image(dx, dy, weight)}

    def image(self, dx: Tensor, dy: Tensor, weight: Tensor) -> Tensor:
        """``weight`` times brightness at offsets (dx, dy) from the centre.

        Parameters
        ----------
        dx, dy, weight : Tensor
            Broadcast together to (B or 1, ...); `weight` includes the amplitude.

        Returns
        -------
        Tensor, (B, ...)
            Image units per square pixel, times whatever else `weight` holds.
        """
        _, _, r2, shape = self.points(dx, dy)
        assert self.profile.brightness is not None  # elliptical profiles always have one
        return self.profile.brightness(r2.sqrt(), *shape) * weight

    def planes(self, dx: Tensor, dy: Tensor, weight: Tensor) -> dict[str, Tensor]:
        """The image, under the key ``image``, and a plane per wanted parameter, in that parameter's unit.

        Parameters and units as in `image`.
        """
        u, v, r2, shape = self.points(dx, dy)
        f, r_df_dr, df_dshape = with_derivatives(self.profile, r2.sqrt(), *shape)
        image = f * weight
        found = {"image": image}
        amplitude_slopes = {name: self._like(slope, image) for name, slope in self.amplitude_slopes.items()}
        for parameter, slope in zip(self.profile.shape, df_dshape, strict=True):
            if parameter.name in self.wanted:
                found[parameter.name] = torch.addcmul(slope * weight, image, amplitude_slopes[parameter.name])
        geometric = self.wanted & _GEOMETRIC
        if geometric:
            common = r_df_dr * weight / r2
            for name, polynomial in self._ellipses(dx).slopes(u, v, r2, geometric).items():
                plane = polynomial.mul_(common)
                if name in amplitude_slopes:
                    plane.addcmul_(image, amplitude_slopes[name])
                found[name] = plane
        return found

    def _ellipses(self, dx: Tensor) -> Ellipses:
        q, pa, boxiness = (self.value(name).to(dx.dtype) for name in ("q", "pa", "boxiness"))
        return Ellipses(q, pa, boxiness, dx.dim() - 1, self.superelliptical)

    def points(self, dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]:
        """Coordinates along the axes, squared elliptical radius, shape parameters broadcast to it."""
        ellipses = self._ellipses(dx)
        u, v = ellipses.axes(dx, dy)
        r2 = ellipses.radius_squared(u, v)
        return u, v, r2, tuple(self._like(s, r2) for s in self.shape)

    @staticmethod
    def _like(values: Tensor, plane: Tensor) -> Tensor:
        return values.to(plane.dtype).reshape(-1, *([1] * (plane.dim() - 1)))


def prepare(
    component: Component, item: RenderedComponent, values: Tensor, zeropoint: Tensor, derivatives: bool
) -> tuple[Brightness | GeneralBrightness, list[Slot]]:
    """A component of B galaxies ready to be evaluated, and where its planes are added.

    Parameters
    ----------
    component, item : Component, RenderedComponent
        What is drawn, elliptical or planar, and into which planes.
    values : Tensor, (B, p)
        The component's parameters.
    zeropoint : Tensor, (B,)
        Magnitude of one image unit of flux.
    derivatives : bool
        Whether the derivative planes are wanted, or the image only.
    """
    slots: list[Slot] = [("image", item.image_plane, 1.0)]
    if derivatives:
        slots += [(part.parameter, part.plane, part.factor) for part in item.parts]
    wanted = frozenset(name for name, _, _ in slots[1:])
    profile = component.declaration
    if profile.kind == "planar":
        return GeneralBrightness(profile, values, zeropoint, False, wanted), slots
    boxiness = component.parameter("boxiness")
    superelliptical = not (boxiness.fixed and boxiness.start == 0.0)
    if not _unmodified(component):
        return GeneralBrightness(profile, values, zeropoint, superelliptical, wanted), slots
    if component.modifiers:
        profile = get(component.profile)
        values = values[:, : len(profile.parameters)]
    return Brightness(profile, values, zeropoint, superelliptical, wanted), slots


def _unmodified(component: Component) -> bool:
    """Whether no modifier can change anything: there is none, or all are held where they do nothing."""
    for modifier in component.declaration.modifiers:
        held = [component.parameter(name) for name in modifier.neutral]
        others = [component.parameter(p.name) for p in modifier.parameters]
        if not held or not all(p.fixed and p.start == 0.0 for p in held) or any(p.free for p in others):
            return False
    return True
