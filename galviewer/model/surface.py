"""From a brightness at one radius to the flux of a component, and back; exact for every profile.

GALFIT and imfit describe some or all of their components by the surface brightness at the centre or at a
radius, galviewer by total magnitudes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from galviewer import profiles
from galviewer.errors import ModelError

_AZIMUTHS = 4096


def flux_per_brightness(
    profile: str, modifiers: tuple[str, ...], values: Mapping[str, float], at: str | None = None
) -> float:
    """Flux of a component whose brightness is 1 per pixel at its centre, or at one of its radii.

    Parameters
    ----------
    profile : str
        Name of an elliptical or planar profile.
    modifiers : tuple of str
        Fourier and bending modes; others change the brightness at the radius itself.
    values : mapping
        Of all parameters of the component, by name.
    at : str, optional
        Shape parameter at whose radius the brightness is meant; at the centre by default.

    Returns
    -------
    float
        Pixels^2; inf or nan where the profile has no finite total.

    Raises
    ------
    ModelError
        If a modifier truncates or winds the profile.
    """
    import torch

    for modifier in modifiers:
        if not modifier.startswith(("fourier", "bending")):
            raise ModelError(modifier, "changes the brightness everywhere", "Fourier or bending modes")
    declaration = profiles.get(profile)
    shape = [torch.tensor([values[p.name]], dtype=torch.float64) for p in declaration.shape]
    try:
        flux = float(profiles.total(declaration, *shape))
    except ValueError:
        return math.nan
    if at is not None and declaration.brightness is not None:
        radius = torch.tensor([values[at]], dtype=torch.float64)
        flux /= float(declaration.brightness(radius, *shape))
    if declaration.kind == "elliptical":
        flux *= values["q"] * isophote_area(modifiers, values)
    return flux


def isophote_area(modifiers: tuple[str, ...], values: Mapping[str, float]) -> float:
    """Area of an isophote over that of its ellipse: boxiness and Fourier modes.

    With p = 2 + boxiness and the azimuth t on the ellipse's circle, the mean over t of
    ``(|cos t|^p + |sin t|^p)^(-2/p) (1 + sum a_m cos(m (t + phase_m)))^(-2)``.
    """
    t = (np.arange(_AZIMUTHS) + 0.5) * (2.0 * math.pi / _AZIMUTHS)
    p = 2.0 + values.get("boxiness", 0.0)
    bracket = np.ones_like(t)
    for modifier in modifiers:
        if modifier.startswith("fourier"):
            order = int(modifier.removeprefix("fourier"))
            phase = math.radians(values[f"f{order}_phase"])
            bracket += values[f"f{order}"] * np.cos(order * (t + phase))
    if len(modifiers) == 0 or np.all(bracket == 1.0):
        beta = math.gamma(1.0 / p) ** 2 / math.gamma(2.0 / p)
        return 2.0 * beta / (math.pi * p)
    radius = (np.abs(np.cos(t)) ** p + np.abs(np.sin(t)) ** p) ** (1.0 / p) * bracket
    return float(np.mean(radius**-2.0))
