"""Sensible slider ranges and digits for parameters whose bounds may be infinite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from galviewer.model import Model, Parameter

if TYPE_CHECKING:
    import numpy as np

    from galviewer.survey import Galaxy

_LOG_SPAN = 12.0
_MAG_SPAN = 3.0


@dataclass(frozen=True)
class SliderRange:
    """What a slider covers.

    Parameters
    ----------
    low, high : float
        Ends, in the parameter's unit; inside its bounds.
    log : bool
        Whether equal steps are equal ratios.
    digits : int
        Decimals worth showing.
    """

    low: float
    high: float
    log: bool
    digits: int


def slider_range(parameter: Parameter, value: float, galaxy: Galaxy) -> SliderRange:
    """A range around `value`, inside the parameter's bounds, on which a slider is handy.

    Parameters
    ----------
    parameter : Parameter
        Gives scale and bounds.
    value : float
        The value around which the range is laid, the present one.
    galaxy : Galaxy
        Gives the size of the stamp and the noise that scales a sky level.
    """
    name = parameter.name
    value = value if math.isfinite(value) else 0.0
    if parameter.scale == "log" and value > 0:
        low, high = value / _LOG_SPAN, value * _LOG_SPAN
    elif name in ("x", "y"):
        span = max(6.0, 0.12 * max(galaxy.image.shape))
        low, high = value - span, value + span
    elif name == "mag":
        low, high = value - _MAG_SPAN, value + _MAG_SPAN
    elif parameter.scale == "angle":
        low, high = 0.0, 180.0 if 0.0 <= value <= 180.0 else 360.0
    elif math.isfinite(parameter.lower) and math.isfinite(parameter.upper):
        low, high = parameter.lower, parameter.upper
    elif parameter.unit == "deg":
        low, high = value - 180.0, value + 180.0
    else:
        span = 3.0 * noise(galaxy)
        span = max(span / 50.0 if name.startswith("slope") else span, 2.0 * abs(value), 1e-30)
        low, high = value - span, value + span
    low, high = max(low, parameter.lower), min(high, parameter.upper)
    log = parameter.scale == "log" and low > 0
    return SliderRange(low, high if high > low else low + 1.0, log, digits(parameter, low, high, math.nan))


def digits(parameter: Parameter, low: float, high: float, error: float) -> int:
    """Decimals to show: two significant ones of the error where known, else a thousandth of the range."""
    if parameter.scale == "angle" and not math.isfinite(error):
        return 1
    step = error if math.isfinite(error) and error > 0 else (high - low) / 100.0
    if not math.isfinite(step) or step <= 0:
        return 3
    return int(min(max(1 - math.floor(math.log10(step)), 1 if parameter.scale == "angle" else 2), 9))


def noise(galaxy: Galaxy) -> float:
    """Median sigma of the unmasked pixels, image unit."""
    import numpy as np

    values = galaxy.sigma[~galaxy.mask]
    return float(np.median(values)) if values.size else 1.0


def at_bound(model: Model, values: np.ndarray) -> list[bool]:
    """For each of the P parameters, whether a free one lies on its bound (to a thousandth of the range)."""
    found = []
    for parameter, value in zip(model.parameters, values, strict=True):
        span = parameter.upper - parameter.lower
        near = 1e-3 * (span if math.isfinite(span) else max(abs(value), 1.0) * 1e-3)
        if parameter.scale == "log" and parameter.lower > 0:
            near_low, near_high = 1e-3 * parameter.lower, 1e-3 * parameter.upper
        else:
            near_low = near_high = near
        low = math.isfinite(parameter.lower) and value <= parameter.lower + near_low
        high = math.isfinite(parameter.upper) and value >= parameter.upper - near_high
        found.append(bool(parameter.free and (low or high)))
    return found
