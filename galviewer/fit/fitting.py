"""From a problem and its start values to a finished fit with its flags."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.fit import levenberg
from galviewer.fit.coordinates import Coordinates
from galviewer.fit.levenberg import State
from galviewer.fit.optimisers import RUNS
from galviewer.fit.problem import Problem
from galviewer.fit.settings import FitSettings
from galviewer.flags import Flag

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class FitResult:
    """Finished fits of B galaxies.

    Parameters
    ----------
    values : Tensor, (B, P)
        Best parameters in the vocabulary's units, 0.05 <= q <= 1 and 0 <= pa < 180 where the model allows;
        float64.
    normal : Tensor, (B, F, F)
        ``J^T W J`` there, per unit of the free parameters.
    held : Tensor of bool, (B, F)
        Free parameters that ended at a bound.
    cost, chi2 : Tensor, (B,)
        At the best parameters: -2 ln posterior up to a constant, and the sum of squared weighted residuals.
    n_pixels, iterations : Tensor of int, (B,)
        Pixels that count; steps tried.
    flags : Tensor of int, (B,)
        Bits of `galviewer.flags.Flag`.
    student_nu : Tensor, (B,)
        Degrees of freedom of Student's t; nan for other likelihoods.
    fall : Tensor, (B,)
        By how much the cost fell when the method "auto" replaced the first fit by one from further starts;
        nan where it did not.
    """

    values: Tensor
    normal: Tensor
    held: Tensor
    cost: Tensor
    chi2: Tensor
    n_pixels: Tensor
    iterations: Tensor
    flags: Tensor
    student_nu: Tensor
    fall: Tensor

    @property
    def restarted(self) -> Tensor:
        """Whether a fit from further starts replaced the first, (B,) bool."""
        return torch.isfinite(self.fall)


def fit(problem: Problem, starts: Tensor, settings: FitSettings | None = None) -> FitResult:
    """Fit a batch by the method of the settings.

    Parameters
    ----------
    problem : Problem
        B galaxies of one shape and their model.
    starts : Tensor, (B, P)
        Start values in the vocabulary's units.
    settings : FitSettings, optional
        How to fit.

    Returns
    -------
    FitResult
        A galaxy whose fit failed has its flag set and its start values; others are not affected.
    """
    settings = settings or FitSettings()
    state = RUNS[settings.method](problem, starts, settings)
    return finish(problem, state)


def finish(problem: Problem, state: State) -> FitResult:
    """The result of a state in which no galaxy runs any more."""
    space = problem.space
    values, normal = _folded(problem, state, space)
    at_bound = space.at_bound(values)
    n_pixels = problem.n_pixels
    flags = torch.zeros_like(state.status)
    flags += torch.where(state.status == levenberg.EXHAUSTED, int(Flag.NOT_CONVERGED), 0)
    flags += torch.where(state.status == levenberg.NON_FINITE, int(Flag.NON_FINITE), 0)
    flags += torch.where(at_bound.any(1), int(Flag.AT_BOUND), 0)
    flags += torch.where(n_pixels < len(space.free), int(Flag.TOO_FEW_PIXELS), 0)
    return FitResult(
        values,
        normal,
        at_bound,
        state.cost,
        state.chi2,
        n_pixels,
        state.iterations,
        flags,
        problem.student_nu(values),
        state.fall,
    )


def _folded(problem: Problem, state: State, space: Coordinates) -> tuple[Tensor, Tensor]:
    """Values with q <= 1, and the normal matrix per unit of the parameters there."""
    values = space.fold(state.values)
    slopes = space.slopes(state.values)
    normal = state.normal / (slopes[:, :, None] * slopes[:, None, :])
    if problem.likelihood.kind == "chi2_distribution":
        return values, problem.information(values)
    lengths = [ellipse.q for ellipse in space.swapping]
    if lengths:
        swapped = torch.nonzero((state.values[:, lengths] > 1.0).any(1))[:, 0]
        if len(swapped):
            again = problem.select(swapped).evaluate(values[swapped])
            normal = normal.index_copy(0, swapped, again.normal)
    return values, normal


def choose_device(wanted: str) -> torch.device:
    """The device that ``auto``, ``cpu`` or ``cuda`` means here.

    Raises
    ------
    SettingsError
        If a GPU is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        from galviewer.errors import SettingsError

        raise SettingsError("device", "is 'cuda' but torch sees no GPU here", "a GPU", "use auto or cpu")
    return torch.device("cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu")


def choose_batch_size(settings: FitSettings, n_planes: int, n_samples: int, device: torch.device) -> int:
    """Galaxies per batch: as many as fit the processor's cache, or a quarter of the GPU's free memory.

    Parameters
    ----------
    settings : FitSettings
        Its `batch_size` wins if given.
    n_planes : int
        Rendered planes per galaxy.
    n_samples : int
        Points of the padded grid.
    device : torch.device
        Where the fit runs.
    """
    if settings.batch_size is not None:
        return settings.batch_size
    itemsize = 4 if settings.dtype == "float32" else 8
    n_planes = max(1, n_planes)  # a model of sky alone renders none
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        # Planes, their transform and its inverse, and the weighted planes in float64.
        per_galaxy = n_planes * n_samples * (4 * itemsize + 8)
        return max(1, min(4096, int(0.25 * free / per_galaxy)))
    return max(1, min(64, _CACHED_BYTES // (n_planes * n_samples * itemsize)))


_CACHED_BYTES = 6 * 2**20
"""Plane memory per batch: enough galaxies to hide the cost of each call; more gain nothing."""
