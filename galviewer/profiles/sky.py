"""Point source and sky: profiles that are not functions of an elliptical radius."""

from __future__ import annotations

import math

from galviewer.profiles.declaration import Profile, ProfileParameter

LEVEL = ProfileParameter(
    "level", "image unit", 0.0, -math.inf, math.inf, "sky brightness per pixel, at the image centre if tilted"
)
SLOPE_X = ProfileParameter(
    "slope_x", "image unit / pixel", 0.0, -math.inf, math.inf, "gradient of the sky along +x"
)
SLOPE_Y = ProfileParameter(
    "slope_y", "image unit / pixel", 0.0, -math.inf, math.inf, "gradient of the sky along +y"
)

POINT = Profile(
    name="point", title="Point source", kind="point", reference="The PSF, shifted by Fourier phase."
)
FLAT_SKY = Profile(
    name="flat_sky", title="Flat sky", kind="sky", shape=(LEVEL,), reference="Chen et al. 2024, eq. 16."
)
TILTED_SKY = Profile(
    name="tilted_sky",
    title="Tilted sky",
    kind="sky",
    shape=(LEVEL, SLOPE_X, SLOPE_Y),
    reference="Chen et al. 2024, eq. D.1; the image centre is ((W-1)/2, (H-1)/2).",
)
