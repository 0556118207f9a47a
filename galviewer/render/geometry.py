"""Elliptical radius of a point, and how its logarithm changes with centre, shape and angle.

FORMULAS.md, geometry: with u along the major axis and v along the minor one,
``r = (|u|^p + |v/q|^p)^(1/p)``, p = 2 + boxiness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

_SMALLEST = 1e-9
"""Radius (pixels) below which it is held, so that powers and logarithms stay finite at the centre."""


@dataclass(frozen=True)
class Ellipses:
    """Shape and angle of B ellipses, with `dims` trailing axes of length 1 for broadcasting.

    Parameters
    ----------
    q, pa, boxiness : Tensor, (B,)
        Axis ratio, position angle in degrees counter-clockwise from +y, boxiness.
    dims : int
        Number of point axes of the `dx` and `dy` that will come.
    superelliptical : bool
        Whether any boxiness may differ from 0.
    """

    q: Tensor
    pa: Tensor
    boxiness: Tensor
    dims: int
    superelliptical: bool

    def _wide(self, values: Tensor) -> Tensor:
        return values.reshape(-1, *([1] * self.dims))

    def axes(self, dx: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
        """Coordinates along the major and the minor axis, both (B, ...)."""
        angle = self._wide(torch.deg2rad(self.pa))
        sin, cos = angle.sin(), angle.cos()
        return dy * cos - dx * sin, dx * cos + dy * sin

    def radius_squared(self, u: Tensor, v: Tensor) -> Tensor:
        """Square of the elliptical radius, held above a tiny value."""
        q = self._wide(self.q)
        if not self.superelliptical:
            return torch.addcmul(u * u, v, v * (1.0 / (q * q))).clamp_min_(_SMALLEST**2)
        p = self._wide(self.boxiness) + 2.0
        power = u.abs().clamp_min(_SMALLEST) ** p + (v.abs() / q).clamp_min(_SMALLEST) ** p
        return power ** (2.0 / p)

    def slopes(self, u: Tensor, v: Tensor, r2: Tensor, names: frozenset[str]) -> dict[str, Tensor]:
        """``r^2 d(ln r)/d(name)`` for each of `names` among x, y, q, pa (per degree), boxiness.

        Each is the polynomial that multiplies ``(r dI/dr) / r^2``.
        """
        angle = self._wide(torch.deg2rad(self.pa))
        q, sin, cos = self._wide(self.q), angle.sin(), angle.cos()
        along_u, along_v = (u, v * (1.0 / (q * q))) if not self.superelliptical else self._gradient(u, v, r2)
        found = {}
        if "x" in names:
            found["x"] = along_u * sin - along_v * cos
        if "y" in names:
            found["y"] = -(along_u * cos + along_v * sin)
        if "pa" in names:
            found["pa"] = (along_v * u - along_u * v).mul_(math.pi / 180.0)
        if "q" in names:
            found["q"] = (along_v * v).mul_(-1.0 / q)
        if "boxiness" in names:
            found["boxiness"] = self._boxiness_slope(u, v, r2)
        return found

    def _gradient(self, u: Tensor, v: Tensor, r2: Tensor) -> tuple[Tensor, Tensor]:
        """``r^2 d(ln r)/du`` and the same in v, for a superellipse."""
        q, p = self._wide(self.q), self._wide(self.boxiness) + 2.0
        scale = r2 ** (1.0 - 0.5 * p)
        w = v / q
        along_u = u.sign() * u.abs().clamp_min(_SMALLEST) ** (p - 1.0) * scale
        along_v = w.sign() * w.abs().clamp_min(_SMALLEST) ** (p - 1.0) * scale / q
        return along_u, along_v

    def _boxiness_slope(self, u: Tensor, v: Tensor, r2: Tensor) -> Tensor:
        q, p = self._wide(self.q), self._wide(self.boxiness) + 2.0
        log_u = u.abs().clamp_min(_SMALLEST).log()
        log_w = (v.abs() / q).clamp_min(_SMALLEST).log()
        log_r = 0.5 * r2.log()
        shares = (p * (log_u - log_r)).exp() * log_u + (p * (log_w - log_r)).exp() * log_w
        return r2 * (shares - log_r) / p


def box_area(boxiness: Tensor) -> Tensor:
    """Area of the generalised ellipse over that of the ellipse with the same axes.

    Parameters
    ----------
    boxiness : Tensor, (B,)
        The paper's B, > -2.

    Returns
    -------
    Tensor, (B,)
        ``1 / R_box``: 1 at boxiness 0, larger for boxy shapes.

    References
    ----------
    Chen et al. 2024, eq. 6; ``4 Gamma(1 + 1/p)^2 / (pi Gamma(1 + 2/p))``.
    """
    inverse = 1.0 / (boxiness + 2.0)
    return (4.0 / math.pi) * (2.0 * torch.lgamma(1.0 + inverse) - torch.lgamma(1.0 + 2.0 * inverse)).exp()


def box_area_slope(boxiness: Tensor) -> Tensor:
    """Derivative of ``ln box_area`` with boxiness."""
    inverse = 1.0 / (boxiness + 2.0)
    return 2.0 * inverse**2 * (torch.digamma(1.0 + 2.0 * inverse) - torch.digamma(1.0 + inverse))
