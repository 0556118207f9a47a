"""Point source and sky: profiles that belong to no galaxy's axes.

A sky is declared by its brightness over the image, which must be linear in every parameter: the plane
that multiplies a parameter is the brightness with that parameter at 1 and the others at 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from galviewer.profiles.declaration import Profile, ProfileParameter

if TYPE_CHECKING:
    from torch import Tensor

LEVEL = ProfileParameter(
    "level", "image unit", 0.0, -math.inf, math.inf, "sky brightness per pixel, at the image centre if tilted"
)
SLOPE_X = ProfileParameter(
    "slope_x", "image unit / pixel", 0.0, -math.inf, math.inf, "gradient of the sky along +x"
)
SLOPE_Y = ProfileParameter(
    "slope_y", "image unit / pixel", 0.0, -math.inf, math.inf, "gradient of the sky along +y"
)


def flat(x: Tensor, y: Tensor, level: Tensor) -> Tensor:
    """``level`` everywhere."""
    return level * x.new_ones(()).expand_as(x + y)


def tilted(x: Tensor, y: Tensor, level: Tensor, slope_x: Tensor, slope_y: Tensor) -> Tensor:
    """``level + slope_x x + slope_y y``, x and y from the image's centre."""
    return level + slope_x * x + slope_y * y


def sky_basis(profile: Profile, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
    """The plane that multiplies each parameter of a sky profile.

    Parameters
    ----------
    profile : Profile
        Of kind sky.
    x, y : Tensor, (H, W)
        Pixel positions from the image's centre, ((W-1)/2, (H-1)/2).

    Returns
    -------
    tuple of Tensor, (H, W)
        In the parameters' order.
    """
    assert profile.brightness is not None  # skies always have one
    zero, one = x.new_zeros(()), x.new_ones(())
    planes = []
    for k in range(len(profile.shape)):
        unit = [one if i == k else zero for i in range(len(profile.shape))]
        planes.append(profile.brightness(x, y, *unit).expand_as(x))
    return tuple(planes)


POINT = Profile(
    name="point", title="Point source", kind="point", reference="The PSF, shifted by Fourier phase."
)
FLAT_SKY = Profile(
    name="flat_sky",
    title="Flat sky",
    kind="sky",
    shape=(LEVEL,),
    brightness=flat,
    reference="Chen et al. 2024, eq. 16.",
)
TILTED_SKY = Profile(
    name="tilted_sky",
    title="Tilted sky",
    kind="sky",
    shape=(LEVEL, SLOPE_X, SLOPE_Y),
    brightness=tilted,
    reference="Chen et al. 2024, eq. D.1; the image centre is ((W-1)/2, (H-1)/2).",
)
