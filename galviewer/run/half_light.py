"""Half-light radii of profiles without a closed form, from their brightness function."""

from __future__ import annotations

import math

import numpy as np

from galviewer import profiles
from galviewer.products.photometry import UNKNOWN, HalfLight, half_light


def find(profile: str, shape: dict[str, float]) -> HalfLight:
    """Closed form where there is one, otherwise quadrature in ln r over 1e-5 to 1e4 times the size parameter.

    Parameters
    ----------
    profile : str
        Any elliptical profile known by name.
    shape : dict
        Its shape parameters.

    Returns
    -------
    HalfLight
        Radius to a relative 1e-4; nan where the profile has no finite light.
    """
    known = half_light(profile, shape)
    declaration = profiles.get(profile)
    values = list(shape.values())
    if math.isfinite(known.radius) or declaration.brightness is None or not np.isfinite(values).all():
        return known
    import torch

    log_r = np.linspace(math.log(1e-5), math.log(1e4), 8001)
    r = shape[declaration.size] * np.exp(log_r)
    with torch.no_grad():
        tensors = [torch.tensor(value, dtype=torch.float64) for value in values]
        f = declaration.brightness(torch.as_tensor(r), *tensors).numpy()
    rings = r * r * f
    light = np.cumsum(rings) - 0.5 * rings  # trapezoids: up to each radius, not beyond it
    if not np.isfinite(light).all() or not light[-1] > 0:
        return UNKNOWN
    radius = math.exp(np.interp(0.5 * light[-1], light, log_r)) * shape[declaration.size]
    edge = float(np.interp(radius, r, f))
    inside = 2.0 * math.pi * 0.5 * light[-1] * (log_r[1] - log_r[0])
    return HalfLight(radius, inside / (math.pi * radius**2 * edge)) if edge > 0 else UNKNOWN
