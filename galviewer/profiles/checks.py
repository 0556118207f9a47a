"""What is asked of a user's profile before it is registered, tried out on a few points."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from galviewer.errors import ModelError
from galviewer.profiles.declaration import Profile, ProfileParameter, slopes_of

if TYPE_CHECKING:
    from torch import Tensor

_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_COORDINATES = {"elliptical": ("r",), "planar": ("u", "v"), "sky": ("x", "y")}


def check(profile: Profile) -> None:
    """See that a profile can be drawn.

    Raises
    ------
    ModelError
        If a name is unusable or repeated, defaults leave their bounds, or the brightness is missing,
        fails, is not elementwise or, for a sky, not linear in its parameters.
    """
    whose = f"profile {profile.name!r}"
    _check_names(whose, profile)
    if profile.kind == "point":
        return
    if profile.kind not in _COORDINATES:
        raise ModelError(whose, f"is of kind {profile.kind!r}", "elliptical, planar, point or sky")
    arguments = ", ".join((*_COORDINATES[profile.kind], *(p.name for p in profile.shape)))
    if profile.brightness is None:
        raise ModelError(whose, "has no brightness function", f"brightness({arguments})")
    if profile.kind != "sky" and profile.size not in [p.name for p in profile.shape]:
        raise ModelError(
            whose, f"has no parameter {profile.size!r} for its size", "a length among its parameters"
        )
    points = _points(profile)
    shape = tuple(_like(points[0], p.default if math.isfinite(p.default) else 1.0) for p in profile.shape)
    if profile.kind == "sky":
        _check_linear(whose, profile, points, arguments)
    else:
        _check_elementwise(whose, profile, points, shape, arguments)


def _check_names(whose: str, profile: Profile) -> None:
    """Names that a catalogue column, a TOML key and a slider can bear."""
    names = [parameter.name for parameter in profile.parameters]
    for name in (profile.name, *names):
        if not _NAME.match(name):
            raise ModelError(whose, f"name {name!r}", "lower-case letters, digits and underscores")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ModelError(whose, f"parameters {', '.join(repeated)} twice", "each name once", "rename yours")
    for parameter in profile.shape:
        _check_bounds(f"{whose}, {parameter.name}", parameter)


def _check_bounds(whose: str, parameter: ProfileParameter) -> None:
    if not parameter.lower <= parameter.default <= parameter.upper:
        raise ModelError(
            whose, f"default {parameter.default}", f"a value in [{parameter.lower}, {parameter.upper}]"
        )
    if parameter.scale == "log" and not parameter.lower > 0:
        raise ModelError(
            whose, f"lower bound {parameter.lower}", "a bound above 0 on the logarithmic scale", 'or "linear"'
        )


def _points(profile: Profile) -> tuple[Tensor, ...]:
    """Coordinates at which the brightness is tried: (2, 5) each, no two alike."""
    import torch

    along = torch.linspace(0.3, 11.0, 10, dtype=torch.float64).reshape(2, 5)
    if profile.kind == "elliptical":
        return (along,)
    return along - 4.1, 0.37 * along.flip(1) - 1.3


def _like(points: Tensor, value: float) -> Tensor:
    """One value for both rows, (2, 1)."""
    import torch

    return torch.full((2, 1), value, dtype=points.dtype)


def _call(
    whose: str, profile: Profile, points: tuple[Tensor, ...], shape: tuple[Tensor, ...], arguments: str
):
    """The brightness there, as a tensor."""
    import torch

    assert profile.brightness is not None  # seen before
    try:
        found = profile.brightness(*points, *shape)
    except Exception as error:
        raise ModelError(
            whose, f"its brightness failed: {error!r}", f"brightness({arguments}) of torch tensors"
        ) from error
    if not isinstance(found, torch.Tensor):
        raise ModelError(whose, f"its brightness is a {type(found).__name__}", "a torch tensor")
    return found


def _check_elementwise(
    whose: str, profile: Profile, points: tuple[Tensor, ...], shape: tuple[Tensor, ...], arguments: str
) -> None:
    """One value per point, finite, the same alone as among others, and differentiable."""
    import torch

    found = _call(whose, profile, points, shape, arguments)
    if found.shape != points[0].shape:
        raise ModelError(
            whose,
            f"its brightness of {tuple(points[0].shape)} points is {tuple(found.shape)}",
            "one value per point",
            "use elementwise torch operations",
        )
    if not bool(torch.isfinite(found).all()):
        raise ModelError(whose, "its brightness at the default parameters is not finite", "finite numbers")
    alone = _call(whose, profile, tuple(p[:, 3:4] for p in points), shape, arguments)
    if not torch.allclose(found[:, 3:4], alone, rtol=1e-6, atol=1e-30):
        raise ModelError(
            whose, "its brightness at a point depends on other points", "a function of one point at a time"
        )
    try:
        assert profile.brightness is not None  # seen before
        slopes_of(profile.brightness, tuple(v.expand(points[0].shape) for v in (*points, *shape)))
    except Exception as error:
        raise ModelError(
            whose,
            f"its brightness cannot be differentiated: {error!r}",
            "torch operations from the arguments to the result",
            "no numpy, no float()",
        ) from error


def _check_linear(whose: str, profile: Profile, points: tuple[Tensor, ...], arguments: str) -> None:
    """No light without parameters; twice and summed parameters give twice and summed light."""
    import torch

    count = len(profile.shape)
    if not count:
        raise ModelError(whose, "has no parameters", "at least one")
    one = [torch.tensor(0.7 + 0.2 * k, dtype=torch.float64) for k in range(count)]
    other = [torch.tensor(-0.4 + 0.5 * k * k, dtype=torch.float64) for k in range(count)]
    both = [2.0 * a - 3.0 * b for a, b in zip(one, other, strict=True)]
    first, second, mixed = (_call(whose, profile, points, tuple(s), arguments) for s in (one, other, both))
    try:
        first, second, mixed = (f.expand_as(points[0]) for f in (first, second, mixed))
    except RuntimeError as error:
        raise ModelError(
            whose, "its brightness is not one value per point", "elementwise operations"
        ) from error
    if not bool(torch.isfinite(mixed).all()):
        raise ModelError(whose, "its brightness is not finite", "finite numbers")
    if not torch.allclose(mixed, 2.0 * first - 3.0 * second, rtol=1e-9, atol=1e-9):
        raise ModelError(
            whose,
            "its brightness is not linear in its parameters",
            "a sum of parameters times functions of x and y",
            "fix what is not linear inside the function",
        )
