"""Modifiers: what bends, cuts off or winds any elliptical profile, as GALFIT 3 does.

`pa`, `q`, `boxiness` and every length belong to the shape before it is modified; `mag` is always the total
magnitude of what is drawn. Directions and signs follow GALFIT 3.0.5: along the axes, x points to
``pa + 180`` degrees and y lies a quarter turn counter-clockwise of it. With the azimuth t of the ellipse's
own circle, clockwise from x, the radius is ``r = r_0 [1 + sum a_m cos(m (t + phase_m))]``: where the
bracket is above 1, light is drawn in.

References
----------
Peng, Ho, Impey & Rix 2010, AJ 139, 2097, sections 5.1 to 5.4 and appendices A and B.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Modifier, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

_BAR = 0.23
"""Rotation (radians) within which the inner part of a spiral counts as a bar."""
_SMALLEST = 1e-9
"""Radius (pixels) below which it is held, so that derivatives stay finite at the centre."""


def fourier_share(order: int, cos: Tensor, sin: Tensor, amplitude: Tensor, phase: Tensor) -> Tensor:
    """``a cos(m (t + phase))`` from the cosine and sine of the azimuth t."""
    import torch

    real, imaginary = cos, sin
    for _ in range(order - 1):
        real, imaginary = real * cos - imaginary * sin, real * sin + imaginary * cos
    angle = torch.deg2rad(phase) * order
    return amplitude * (real * angle.cos() - imaginary * angle.sin())


def bend(order: int, u: Tensor, v: Tensor, size: Tensor, amplitude: Tensor) -> tuple[Tensor, Tensor]:
    """``y' = y + b (x / size)^m`` with x = -u and y = v; areas are kept."""
    return u, v + amplitude * (-u / size) ** order


def _argument(r: Tensor, edge: Tensor, soft: Tensor) -> Tensor:
    """Of the hyperbolic tangent: 2 at `edge`, about -2.5 a length `soft` further in."""
    slope = 2.65 - 4.98 * edge / soft
    return (2.0 - slope) * (r / edge) + slope


def inner_cutoff(r: Tensor, r_in: Tensor, r_in_soft: Tensor) -> Tensor:
    """Darkens what is inside: 0.98 of the light is left at r_in, below 0.01 a softening length further in."""
    import torch

    return torch.sigmoid(2.0 * _argument(r, r_in, r_in_soft))


def outer_cutoff(r: Tensor, r_out: Tensor, r_out_soft: Tensor) -> Tensor:
    """Darkens what is outside: 0.99 of the light is left at r_out, 0.02 a softening length further out."""
    import torch

    return torch.sigmoid(-2.0 * _argument(r, r_out + r_out_soft, r_out_soft))


def spiral_rotation(r: Tensor, r_in: Tensor, r_out: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
    """Rotation in radians at face-on radius r: a hyperbolic tangent times a logarithm.

    Parameters
    ----------
    r : Tensor
        Radius in the plane of the disk, pixels.
    r_in, r_out : Tensor
        Radius of the bar, inside which little is rotated; radius at which the rotation is `angle`.
    angle : Tensor
        Degrees.
    scale : Tensor
        Winding scale of the logarithm, pixels: ``ln(r / scale + 1) / ln(r_out / scale + 1)``.
    """
    import torch

    full = torch.deg2rad(angle)
    level = 2.0 * _BAR / (full.abs() + _BAR) - 1.00001
    width = torch.maximum(r_out - r_in, 1e-3 * r_out)
    steepness = (2.0 - torch.atanh(level)) * r_out / width
    onset = 0.5 * (torch.tanh(steepness * (r / r_out - 1.0) + 2.0) + 1.0)
    return full * onset * torch.log1p(r / scale) / torch.log1p(r_out / scale)


def wind(
    dx: Tensor,
    dy: Tensor,
    r_in: Tensor,
    r_out: Tensor,
    angle: Tensor,
    scale: Tensor,
    inclination: Tensor,
    pa: Tensor,
) -> tuple[Tensor, Tensor]:
    """Offsets on the sky to offsets in the unwound, face-on disk."""
    import torch

    turned = torch.deg2rad(pa)
    sin, cos = turned.sin(), turned.cos()
    across = (dx * cos + dy * sin) * (1.0 / torch.deg2rad(inclination).cos() - 1.0)
    x, y = dx + across * cos, dy + across * sin
    r = (x * x + y * y).clamp_min(_SMALLEST**2).sqrt()
    rotation = spiral_rotation(r, r_in, r_out, angle, scale)
    c, s = rotation.cos(), rotation.sin()
    return x * c + y * s, y * c - x * s


def wound_area(
    r_in: Tensor, r_out: Tensor, angle: Tensor, scale: Tensor, inclination: Tensor, pa: Tensor
) -> Tensor:
    """Area on the sky over area in the disk: the cosine of the inclination."""
    import torch

    del r_in, r_out, angle, scale, pa
    return torch.deg2rad(inclination).cos()


def _fourier(order: int) -> Modifier:
    return Modifier(
        name=f"fourier{order}",
        title=f"Fourier mode {order}",
        stage="radius",
        parameters=(
            ProfileParameter(f"f{order}", "", 0.05, -0.8, 0.8, f"amplitude of Fourier mode {order}"),
            ProfileParameter(
                f"f{order}_phase",
                "deg",
                0.0,
                -math.inf,
                math.inf,
                f"phase of Fourier mode {order}, period {360 // order} degrees",
            ),
        ),
        apply=functools.partial(fourier_share, order),
        neutral=(f"f{order}",),
        reference="Peng et al. 2010, AJ 139, 2097, eq. 24.",
    )


def _bending(order: int) -> Modifier:
    return Modifier(
        name=f"bending{order}",
        title=f"Bending mode {order}",
        stage="axes",
        parameters=(
            ProfileParameter(
                f"b{order}",
                "pixel",
                0.1,
                -1000.0,
                1000.0,
                f"bending mode {order}: shift across the major axis at the size radius along it",
            ),
        ),
        apply=functools.partial(bend, order),
        neutral=(f"b{order}",),
        reference="Peng et al. 2010, AJ 139, 2097, eq. 25.",
    )


INNER = Modifier(
    name="inner_truncation",
    title="Inner truncation",
    stage="cutoff",
    parameters=(
        ProfileParameter(
            "r_in",
            "pixel",
            3.0,
            0.05,
            1000.0,
            "98 % of the brightness is left here",
            "log",
            start_in_r_eff=0.6,
        ),
        ProfileParameter(
            "r_in_soft",
            "pixel",
            2.0,
            0.05,
            1000.0,
            "softening: this much further in 1 % is left",
            "log",
            start_in_r_eff=0.4,
        ),
    ),
    apply=inner_cutoff,
    reference="Peng et al. 2010, AJ 139, 2097, appendix B.",
)

OUTER = Modifier(
    name="outer_truncation",
    title="Outer truncation",
    stage="cutoff",
    parameters=(
        ProfileParameter(
            "r_out",
            "pixel",
            15.0,
            0.05,
            1000.0,
            "99 % of the brightness is left here",
            "log",
            start_in_r_eff=2.5,
        ),
        ProfileParameter(
            "r_out_soft",
            "pixel",
            5.0,
            0.05,
            1000.0,
            "softening: this much further out 2 % is left",
            "log",
            start_in_r_eff=1.0,
        ),
    ),
    apply=outer_cutoff,
    reference="Peng et al. 2010, AJ 139, 2097, appendix B.",
)

SPIRAL = Modifier(
    name="spiral",
    title="Log-spiral rotation",
    stage="plane",
    parameters=(
        ProfileParameter("spiral_r_in", "pixel", 0.0, -1000.0, 1000.0, "radius of the bar, little rotated"),
        ProfileParameter(
            "spiral_r_out",
            "pixel",
            20.0,
            0.1,
            1000.0,
            "rotated by spiral_angle here",
            "log",
            start_in_r_eff=3.0,
        ),
        ProfileParameter(
            "spiral_angle", "deg", 90.0, -1440.0, 1440.0, "rotation at spiral_r_out, counter-clockwise"
        ),
        ProfileParameter(
            "spiral_scale", "pixel", 5.0, 0.05, 1000.0, "winding scale radius", "log", start_in_r_eff=1.0
        ),
        ProfileParameter("inclination", "deg", 0.0, 0.0, 85.0, "of the disk to the line of sight: 0 face-on"),
        ProfileParameter(
            "spiral_pa",
            "deg",
            0.0,
            -math.inf,
            math.inf,
            "position angle of the inclined disk's major axis on the sky, counter-clockwise from +y",
            "angle",
        ),
    ),
    apply=wind,
    area=wound_area,
    neutral=("spiral_angle", "inclination"),
    reference="Peng et al. 2010, AJ 139, 2097, section 5.2 and appendix A (log-tanh).",
)

MODIFIERS: dict[str, Modifier] = {
    modifier.name: modifier
    for modifier in (
        *(_fourier(order) for order in range(1, 7)),
        *(_bending(order) for order in range(1, 4)),
        INNER,
        OUTER,
        SPIRAL,
    )
}
