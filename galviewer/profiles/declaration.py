"""What a profile is: its parameters and one tensor function of radius.

Elliptical geometry, boxiness, normalisation to total flux, sub-pixel integration, derivatives,
sliders, catalogue columns and TOML are all derived from this declaration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["elliptical", "point", "sky"]
Scale = Literal["linear", "log", "angle"]


@dataclass(frozen=True)
class ProfileParameter:
    """One parameter of a profile.

    Parameters
    ----------
    name : str
        Name from the vocabulary (``r_eff``, ``n``, ...).
    unit : str
        Unit as shown on screen and in catalogues; empty when dimensionless.
    default, lower, upper : float
        Start value and bounds when nothing better is known.
    meaning : str
        One line for docstrings, tooltips and column descriptions.
    scale : {"linear", "log", "angle"}
        How the fit steps in it: additively, multiplicatively, or as a periodic angle.
    fixed : bool
        Whether templates hold it fixed (boxiness).
    """

    name: str
    unit: str
    default: float
    lower: float
    upper: float
    meaning: str
    scale: Scale = "linear"
    fixed: bool = False


@dataclass(frozen=True)
class Profile:
    """One way in which brightness depends on radius.

    Parameters
    ----------
    name, title : str
        Key used in models and the name shown on screen.
    kind : {"elliptical", "point", "sky"}
        Elliptical profiles have `brightness`; a point source is the PSF; sky is a plane.
    shape : tuple of ProfileParameter
        Parameters of `brightness` beyond the radius, the first one being a length unless
        `size` names another.
    brightness : callable, optional
        ``brightness(r, *shape) -> f``: relative surface brightness at elliptical radius `r`
        (pixels); elementwise, `r` and the shape parameters broadcast; finite at r > 0.
    flux : callable, optional
        ``flux(*shape) -> S``: integral of f over the plane for a circle, ``2 pi int f r dr``.
        Found by quadrature where it is None.
    flux_slopes : callable, optional
        ``flux_slopes(*shape) -> (d ln S/ds_1, ...)``; automatic differentiation of
        `flux` where it is None.
    derivatives : callable, optional
        ``derivatives(r, *shape) -> (f, r df/dr, (df/ds_1, ...))``; automatic
        differentiation of `brightness` where it is None. A closed form is an optimisation
        that the property tests hold equal to the automatic one.
    size : str
        Shape parameter that sets the length scale of the quadrature.
    reference : str
        Source of the formula.
    """

    name: str
    title: str
    kind: Kind = "elliptical"
    shape: tuple[ProfileParameter, ...] = ()
    brightness: Callable[..., Tensor] | None = None
    flux: Callable[..., Tensor] | None = None
    flux_slopes: Callable[..., tuple[Tensor, ...]] | None = None
    derivatives: Callable[..., tuple[Tensor, Tensor, tuple[Tensor, ...]]] | None = None
    size: str = ""
    reference: str = ""
    parameters: tuple[ProfileParameter, ...] = field(default=())

    def __post_init__(self) -> None:
        if not self.parameters:
            object.__setattr__(self, "parameters", _all_parameters(self.kind, self.shape))
        if not self.size and self.shape:
            object.__setattr__(self, "size", self.shape[0].name)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of all parameters, in the order in which the engine expects them."""
        return tuple(parameter.name for parameter in self.parameters)


X = ProfileParameter("x", "pixel", 0.0, -math.inf, math.inf, "centre along +x, first pixel centre is 0")
Y = ProfileParameter("y", "pixel", 0.0, -math.inf, math.inf, "centre along +y, first pixel centre is 0")
MAG = ProfileParameter("mag", "mag", 20.0, -math.inf, math.inf, "total magnitude, to infinite radius")
Q = ProfileParameter("q", "", 0.7, 0.05, 1.0, "axis ratio, minor over major")
PA = ProfileParameter(
    "pa",
    "deg",
    45.0,
    -math.inf,
    math.inf,
    "position angle of the major axis, counter-clockwise from +y",
    "angle",
)
BOXINESS = ProfileParameter(
    "boxiness", "", 0.0, -0.9, 2.0, "shape of the isophotes: 0 ellipse, > 0 boxy, < 0 disky", "linear", True
)
R_EFF = ProfileParameter("r_eff", "pixel", 5.0, 0.05, 1000.0, "half-light radius along the major axis", "log")


def _all_parameters(kind: Kind, shape: tuple[ProfileParameter, ...]) -> tuple[ProfileParameter, ...]:
    if kind == "elliptical":
        return (X, Y, MAG, *shape, Q, PA, BOXINESS)
    if kind == "point":
        return (X, Y, MAG)
    return shape


def total(profile: Profile, *shape: Tensor) -> Tensor:
    """Integral of the relative brightness over the plane for q = 1 and boxiness 0.

    Parameters
    ----------
    profile : Profile
        An elliptical profile.
    *shape : Tensor, (B,)
        Shape parameters, in the profile's order.

    Returns
    -------
    Tensor, (B,)
        ``2 pi int f r dr`` in pixel^2, closed form or by quadrature in ln r over
        1e-7 to 1e5 times the size parameter (relative accuracy 1e-6 for smooth profiles).
    """
    if profile.flux is not None:
        return profile.flux(*shape)
    import torch

    assert profile.brightness is not None  # elliptical profiles always have one
    size = shape[[p.name for p in profile.shape].index(profile.size)]
    log_r = torch.linspace(math.log(1e-7), math.log(1e5), 4001, dtype=size.dtype, device=size.device)
    r = size[..., None] * log_r.exp()
    integrand = r * r * profile.brightness(r, *(s[..., None] for s in shape))
    return 2.0 * math.pi * integrand.sum(-1) * (log_r[1] - log_r[0])


def total_slopes(profile: Profile, *shape: Tensor) -> tuple[Tensor, ...]:
    """Derivative of ``ln total`` in each shape parameter, (B,) each: closed form or automatic."""
    if profile.flux_slopes is not None:
        return profile.flux_slopes(*shape)
    norm, slopes = _slopes(lambda *s: total(profile, *s), shape)
    return tuple(slope / norm for slope in slopes)


def with_derivatives(
    profile: Profile, r: Tensor, *shape: Tensor
) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
    """Relative brightness, its derivative in ln r, and in each shape parameter.

    Parameters
    ----------
    profile : Profile
        An elliptical profile.
    r : Tensor, (B, ...)
        Elliptical radius, pixels, > 0.
    *shape : Tensor
        Shape parameters that broadcast against `r`.

    Returns
    -------
    f, r_df_dr : Tensor, (B, ...)
    df_dshape : tuple of Tensor, (B, ...)
        Exact: the profile's closed form, or automatic differentiation.
    """
    if profile.derivatives is not None:
        return profile.derivatives(r, *shape)
    assert profile.brightness is not None  # elliptical profiles always have one
    f, slopes = _slopes(profile.brightness, tuple(s.expand(r.shape) for s in (r, *shape)))
    return f, r * slopes[0], slopes[1:]


def _slopes(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An elementwise function and its derivative in every input.

    Because no element depends on another, one backward pass of the sum gives all of them, exactly.
    """
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        leaves = [value.clone().requires_grad_() for value in inputs]
        found = function(*leaves)
        slopes = torch.autograd.grad(found.sum(), leaves, materialize_grads=True)
    return found.detach(), slopes
