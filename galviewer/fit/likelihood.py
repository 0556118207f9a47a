"""Likelihoods: what a pixel costs that lies off the model, and how the fit descends.

Each kind turns pixels into three things: the cost (-2 ln likelihood up to a constant), per pixel half
its downhill slope in the model's value, and a curvature above 0. From these the fit builds gradient
and normal matrix alike for all kinds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from galviewer.errors import SettingsError

if TYPE_CHECKING:
    from torch import Tensor

LikelihoodKind = Literal["chi2", "poisson", "pearson", "student_t", "chi2_distribution"]
LIKELIHOODS: tuple[LikelihoodKind, ...] = ("chi2", "poisson", "pearson", "student_t", "chi2_distribution")
COUNTING: tuple[LikelihoodKind, ...] = ("poisson", "pearson")
"""Those that need to know how many electrons a unit of the image is."""

_NU_RANGE = (0.5, 1000.0)
_NU_START = 4.0
_NU_STEPS = 30
_FLOOR = 1e-6
"""Expected counts below this fraction of the brightest pixel are rounding; their variance stays there."""


@dataclass(frozen=True)
class Likelihood:
    """Which likelihood, and its own number.

    Parameters
    ----------
    kind : {"chi2", "poisson", "pearson", "student_t", "chi2_distribution"}
        See docs/fitting.md.
    nu : float or None
        Degrees of freedom of Student's t; None fits them to each galaxy.

    Raises
    ------
    SettingsError
        If the kind is unknown or nu is not positive.
    """

    kind: LikelihoodKind = "chi2"
    nu: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in LIKELIHOODS:
            raise SettingsError("likelihood", f"is {self.kind!r}", " or ".join(LIKELIHOODS))
        if self.nu is not None and not (self.nu > 0 and math.isfinite(self.nu)):
            raise SettingsError("student_nu", f"is {self.nu}", "a positive number, or none to fit it")


@dataclass(frozen=True)
class Pixels:
    """What a likelihood sees of b galaxies; all float64.

    Parameters
    ----------
    data, model : Tensor, (b, H W)
        Image units.
    weight : Tensor, (b, H W)
        1 / sigma, 0 where a pixel is ignored.
    count : Tensor, (b, H W)
        How often each pixel counts: 0 where it is ignored, else 1, or as often as a bootstrap drew it.
    gain, sky_level, read_noise : Tensor, (b, 1)
        Electrons per image unit; the level subtracted earlier and the Gaussian noise, image units.
    """

    data: Tensor
    model: Tensor
    weight: Tensor
    count: Tensor
    gain: Tensor
    sky_level: Tensor
    read_noise: Tensor


@dataclass(frozen=True)
class Terms:
    """What a likelihood says of b galaxies.

    Parameters
    ----------
    cost : Tensor, (b,)
        -2 ln likelihood up to a constant.
    slope : Tensor, (b, H W)
        -1/2 d cost / d model of each pixel: exact.
    curvature : Tensor, (b, H W)
        Half the second derivative, or its expectation; above 0 where a pixel counts.
    """

    cost: Tensor
    slope: Tensor
    curvature: Tensor


def terms(likelihood: Likelihood, pixels: Pixels) -> Terms:
    """Cost, slopes and curvatures of the pixels."""
    return _TERMS[likelihood.kind](likelihood, pixels)


def _chi2(likelihood: Likelihood, pixels: Pixels) -> Terms:
    """Gaussian noise of known width; also what the chi-square distribution is made from."""
    pull = (pixels.data - pixels.model) * pixels.weight
    weight = pixels.weight * pixels.count
    return Terms((pull * pull * pixels.count).sum(1), pull * weight, weight * pixels.weight)


def _poisson(likelihood: Likelihood, pixels: Pixels) -> Terms:
    """Cash's C as a deviance: electrons that were counted, sky included, and no other noise."""
    return _counted(pixels, torch.zeros_like(pixels.gain))


def _pearson(likelihood: Likelihood, pixels: Pixels) -> Terms:
    """Chi-square with the variance that the model expects, read noise included, reweighted as it moves.

    Its score ``sum (data - model) / variance(model) d model`` is unbiased because the weights are not
    differentiated; the cost is that score's integral, the quasi-deviance.
    """
    return _counted(pixels, (pixels.gain * pixels.read_noise) ** 2)


def _counted(pixels: Pixels, variance: Tensor) -> Terms:
    """Quasi-deviance ``2 int (t - n) / V(t) dt`` from the counts n to those expected, V the variance.

    V is the number expected plus `variance`, but no less than a rounding error, so that expected
    numbers of zero and below have a finite cost and lead back.
    """
    gain = pixels.gain
    used = pixels.count > 0
    counts = torch.where(used, (pixels.data + pixels.sky_level) * gain + variance, 0.0)
    expected = torch.where(used, (pixels.model + pixels.sky_level) * gain + variance, 1.0)
    floor = _FLOOR * counts.amax(1, keepdim=True).clamp_min(1e-3)
    spread = torch.maximum(expected, floor)
    deviance = _integral(counts, expected, floor) - _integral(counts, counts, floor)
    slope = gain * (counts - expected) / spread * pixels.count
    return Terms((deviance * pixels.count).sum(1), slope, gain**2 / spread * pixels.count)


def _integral(counts: Tensor, upper: Tensor, floor: Tensor) -> Tensor:
    """``2 int (t - counts) / max(t, floor) dt`` from the floor to `upper`."""
    above = upper.clamp_min(floor)
    beyond = 2.0 * (above - floor) - 2.0 * counts * (above / floor).log()
    below = upper.clamp_max(floor)
    return beyond + ((below - counts) ** 2 - (floor - counts) ** 2) / floor


def _student_t(likelihood: Likelihood, pixels: Pixels) -> Terms:
    """Student's t of the pulls; with nu to infinity the cost becomes chi-square.

    The curvature is that of the iteratively reweighted fit times (nu + 1) / (nu + 3), which makes its
    expectation Fisher's information.
    """
    pull = (pixels.data - pixels.model) * pixels.weight
    square = pull * pull
    if likelihood.nu is None:
        nu = fitted_nu(square, pixels.count)
    else:
        nu = torch.full_like(square[:, 0], likelihood.nu)
    column = nu[:, None]
    number = pixels.count.sum(1)
    cost = ((column + 1.0) * torch.log1p(square / column) * pixels.count).sum(1) - number * _log_norm(nu)
    weight = (column + 1.0) / (column + square) * pixels.weight * pixels.count
    curvature = (column + 1.0) / (column + 3.0) * weight * pixels.weight
    return Terms(cost, weight * pull, curvature)


def _log_norm(nu: Tensor) -> Tensor:
    """2 ln of the t density at 0 relative to the normal one."""
    gammas = torch.lgamma(0.5 * (nu + 1.0)) - torch.lgamma(0.5 * nu)
    return 2.0 * gammas - (0.5 * nu).log()


def fitted_nu(square: Tensor, count: Tensor) -> Tensor:
    """Degrees of freedom of the most likely Student's t, (b,).

    Parameters
    ----------
    square : Tensor, (b, N)
        Squared pulls.
    count : Tensor, (b, N)
        How often each counts.

    Notes
    -----
    Newton's method in ln nu within a bracket that shrinks at each step; half the bracket where Newton
    would leave it. Between 0.5 and 1000; beyond the data cannot tell nu from infinity.
    """
    number = count.sum(1).clamp_min(1.0)
    square = torch.where(count > 0, square, 0.0)
    low, high = (torch.full_like(number, math.log(end)) for end in _NU_RANGE)
    place = torch.full_like(number, math.log(_NU_START))
    for _ in range(_NU_STEPS):
        nu = place.exp()
        slope, bend = _nu_slope(nu, square, count, number)
        low, high = torch.where(slope < 0, place, low), torch.where(slope < 0, high, place)
        wanted = place - slope / bend
        inside = (bend > 0) & (wanted > low) & (wanted < high)
        new = torch.where(inside, wanted, 0.5 * (low + high))
        settled = bool(((new - place).abs() < 1e-7).all())
        place = new
        if settled:
            break
    return place.exp()


def _nu_slope(nu: Tensor, square: Tensor, count: Tensor, number: Tensor) -> tuple[Tensor, Tensor]:
    """First and second derivative in ln nu of the cost per pixel."""
    column = nu[:, None]
    share = square / (column + square) * count
    logs = (torch.log1p(square / column) * count).sum(1) / number
    first = share.sum(1) / number
    second = (share / (column + square)).sum(1) / number
    gammas = torch.digamma(0.5 * (nu + 1.0)) - torch.digamma(0.5 * nu)
    slope = logs - (nu + 1.0) / nu * first - gammas + 1.0 / nu
    half = 0.5 * (torch.polygamma(1, 0.5 * (nu + 1.0)) - torch.polygamma(1, 0.5 * nu))
    bend = -first / nu + first / nu**2 + (nu + 1.0) / nu * second - half - 1.0 / nu**2
    return nu * slope, nu * nu * bend + nu * slope


def of_distribution(
    chi2: Tensor, gradient: Tensor, normal: Tensor, freedom: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Cost, gradient and normal matrix of the density of chi-square itself, from those of chi-square.

    Parameters
    ----------
    chi2, freedom : Tensor, (b,)
        Chi-square and its degrees of freedom k.
    gradient, normal : Tensor, (b, F), (b, F, F)
        ``J^T W r`` and ``J^T W J``.

    Notes
    -----
    ``cost = chi2 - (k - 2) ln chi2 + const`` is lowest at chi2 = k - 2, not at the lowest chi2, wherever
    the model can come that close: the fit is then pulled away from its best place.
    """
    peak = (freedom - 2.0).clamp_min(0.0)
    constant = freedom * math.log(2.0) + 2.0 * torch.lgamma(0.5 * freedom.clamp_min(1.0))
    share = 1.0 - peak / chi2
    cost = chi2 - peak * chi2.log() + constant
    outer = gradient[:, :, None] * gradient[:, None, :] * (2.0 * peak / chi2**2)[:, None, None]
    return cost, gradient * share[:, None], normal * share.abs()[:, None, None] + outer


_TERMS: dict[str, Callable[[Likelihood, Pixels], Terms]] = {
    "chi2": _chi2,
    "poisson": _poisson,
    "pearson": _pearson,
    "student_t": _student_t,
    "chi2_distribution": _chi2,
}
