"""What a profile is: its parameters and one tensor function of radius, or of the plane's coordinates.

Elliptical geometry, boxiness, normalisation to total flux, sub-pixel integration, derivatives,
sliders, catalogue columns and TOML are all derived from this declaration.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import Tensor

Kind = Literal["elliptical", "planar", "point", "sky"]
Stage = Literal["plane", "axes", "radius", "cutoff"]
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
    start_in_r_eff : float or None
        Start value in units of the measured half-light radius, for lengths that follow it; a fixed one
        is held there.
    """

    name: str
    unit: str
    default: float
    lower: float
    upper: float
    meaning: str
    scale: Scale = "linear"
    fixed: bool = False
    start_in_r_eff: float | None = None


@dataclass(frozen=True)
class Modifier:
    """One way to bend, cut off or wind a profile.

    Parameters
    ----------
    name, title : str
        Key used in models and the name shown on screen.
    stage : {"plane", "axes", "radius", "cutoff"}
        What it changes, in this order, whatever the order in which modifiers are named: coordinates in
        the plane of the sky, coordinates along the axes, the radius by azimuth, the brightness by radius.
    parameters : tuple of ProfileParameter
        They follow the profile's own.
    apply : callable
        Elementwise: ``plane(dx, dy, *p) -> (dx, dy)``; ``axes(u, v, size, *p) -> (u, v)`` with the
        profile's size parameter; ``radius(cos, sin, *p) -> share`` added to 1, of which the radius is a
        multiple; ``cutoff(r, *p) -> factor`` of the brightness. Plane and axes keep areas up to `area`.
    area : callable, optional
        ``area(*p)``: area on the sky over that after a plane modifier; 1 where it is None.
    neutral : tuple of str
        Parameters which, all at 0, leave the profile as it is; empty where none do.
    reference : str
        Source of the formula.
    """

    name: str
    title: str
    stage: Stage
    parameters: tuple[ProfileParameter, ...]
    apply: Callable[..., Any]
    area: Callable[..., Tensor] | None = None
    neutral: tuple[str, ...] = ()
    reference: str = ""


@dataclass(frozen=True)
class Profile:
    """One way in which brightness depends on position.

    Parameters
    ----------
    name, title : str
        Key used in models and the name shown on screen.
    kind : {"elliptical", "planar", "point", "sky"}
        Brightness over an elliptical radius; over the coordinates along the major and the minor axis;
        the PSF itself; over the image, linear in every parameter.
    shape : tuple of ProfileParameter
        Parameters of `brightness` beyond the position, the first one being a length unless
        `size` names another (for a sky: any, with zero for no sky).
    brightness : callable, optional
        ``brightness(r, *shape) -> f``: relative surface brightness at elliptical radius `r`
        (pixels); elementwise, `r` and the shape parameters broadcast; finite at r > 0.
        ``brightness(u, v, *shape)`` for a planar profile, in pixels along and across the major axis;
        ``brightness(x, y, *shape)`` for a sky, in image units, from the image's centre.
    flux : callable, optional
        ``flux(*shape) -> S``: integral of f over the plane, for a circle ``2 pi int f r dr``.
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
    breaks : callable, optional
        ``breaks(*shape) -> (r_1, r_2, ...)``: radii (pixels) at which brightness ends or bends; the
        quadratures are cut there.
    detail : callable, optional
        ``detail(*shape)``: how wide the thinnest structure away from the centre is along the major axis,
        pixels (four standard deviations of a ridge); what is thinner than `RenderSettings.fine_width`
        is sampled more densely under a PSF. None where only the centre is sharp.
    reach : callable, optional
        ``reach(*shape)``: elliptical radius (pixels) beyond which there is no light to speak of; denser
        samples than the pixels' are taken within it only.
    formula, reference : str
        The formula in one line, and its source.
    modifiers : tuple of Modifier
        Filled in by `registry.get`.
    cost : int
        Evaluations of a simple function that one of `brightness` amounts to; bounds memory.
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
    breaks: Callable[..., tuple[Tensor, ...]] | None = None
    detail: Callable[..., Tensor] | None = None
    reach: Callable[..., Tensor] | None = None
    formula: str = ""
    reference: str = ""
    parameters: tuple[ProfileParameter, ...] = field(default=())
    modifiers: tuple[Modifier, ...] = ()
    cost: int = 1

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
    if kind == "planar":
        return (X, Y, MAG, *shape, PA)
    if kind == "point":
        return (X, Y, MAG)
    return shape


def total(profile: Profile, *shape: Tensor) -> Tensor:
    """Integral of the relative brightness over the plane for q = 1 and boxiness 0.

    Parameters
    ----------
    profile : Profile
        An elliptical or planar profile; its modifiers are not looked at.
    *shape : Tensor, (B,)
        Shape parameters, in the profile's order.

    Returns
    -------
    Tensor, (B,)
        ``2 pi int f r dr`` in pixel^2, closed form or by quadrature in ln r over
        1e-7 to 1e5 times the size parameter (relative accuracy 1e-6 for profiles that are smooth, or say
        where they are not: see `Profile.breaks`); for a planar profile ``int f du dv``, by quadrature in
        ln |u| and ln |v| over 1e-4 to 1e3 times it.
    """
    if profile.flux is not None:
        return profile.flux(*shape)
    if profile.kind == "planar":
        return _planar_total(profile, *shape)
    import torch

    assert profile.brightness is not None  # elliptical profiles always have one
    size = size_of(profile, shape)
    if profile.breaks is not None:
        from galviewer.profiles.quadrature import radial_total

        return radial_total(profile.brightness, size, profile.breaks(*shape), shape)
    log_r = torch.linspace(math.log(1e-7), math.log(1e5), 4001, dtype=size.dtype, device=size.device)
    r = size[..., None] * log_r.exp()
    integrand = r * r * profile.brightness(r, *(s[..., None] for s in shape))
    return 2.0 * math.pi * integrand.sum(-1) * (log_r[1] - log_r[0])


def size_of(profile: Profile, shape: tuple[Tensor, ...]) -> Tensor:
    """The shape parameter that sets the length scale."""
    return shape[[p.name for p in profile.shape].index(profile.size)]


def log_nodes(low: float, high: float, count: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Nodes and weights for the integral over (0, infinity), even in the logarithm; both (count,).

    The first weight holds what lies below `low`, where the integrand is taken as constant.
    """
    import torch

    step = math.log(high / low) / (count - 1)
    along = torch.arange(count, dtype=like.dtype, device=like.device) * step
    nodes = low * along.exp()
    weights = nodes * step
    weights[0] = low * step / (1.0 - math.exp(-step))
    return nodes, weights


def _planar_total(profile: Profile, *shape: Tensor) -> Tensor:
    """Integral of a planar profile over the plane, quadrant by quadrant."""
    assert profile.brightness is not None  # planar profiles always have one
    size = size_of(profile, shape)
    nodes, weights = log_nodes(1e-4, 1e3, 128, size)
    wide = [s[..., None, None] for s in shape]
    u = size[..., None, None] * nodes[:, None]
    v = size[..., None, None] * nodes
    quadrants = ((u, v), (-u, v), (u, -v), (-u, -v))
    f = sum(profile.brightness(*(c.expand((u + v).shape) for c in pair), *wide) for pair in quadrants)
    return size**2 * ((f * weights).sum(-1) * weights).sum(-1)


def total_slopes(profile: Profile, *shape: Tensor) -> tuple[Tensor, ...]:
    """Derivative of ``ln total`` in each shape parameter, (B,) each: closed form or automatic."""
    if profile.flux_slopes is not None:
        return profile.flux_slopes(*shape)
    norm, slopes = slopes_of(lambda *s: total(profile, *s), shape)
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
    f, slopes = slopes_of(profile.brightness, tuple(s.expand(r.shape) for s in (r, *shape)))
    return f, r * slopes[0], slopes[1:]


def slopes_of(
    function: Callable[..., Tensor], inputs: tuple[Tensor, ...]
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """An elementwise function and its derivative in every input.

    Because no element depends on another, one backward pass of the sum gives all of them, exactly.
    """
    import torch

    with torch.inference_mode(False), torch.enable_grad():
        leaves = [value.clone().requires_grad_() for value in inputs]
        found = function(*leaves)
        slopes = torch.autograd.grad(found.sum(), leaves, materialize_grads=True)
    return found.detach(), slopes
