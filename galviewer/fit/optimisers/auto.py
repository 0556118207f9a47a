"""Levenberg-Marquardt, then more starts for the galaxies whose outcome is in doubt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from galviewer.fit import levenberg
from galviewer.fit.optimisers.drawing import draw, exchanged
from galviewer.fit.optimisers.multistart import best_of

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings

_BLOCK = 4
_COHERENT = 0.15
"""Residual light in blocks of pixels, relative to the light there, from which the fit is in doubt."""
_SIGNIFICANT = 5.0
_FAINT = 0.2
"""Error of a magnitude from which a component is as good as lost."""


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """Fit; where the outcome asks for it, fit again from drawn starts and keep the better minimum.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units.
    settings : FitSettings
        Its `search` says how many starts; iterations are those of all fits of a galaxy.
    """
    first = levenberg.run(problem, starts, settings)
    rows = torch.nonzero(doubtful(problem, first, settings))[:, 0]
    if len(rows) == 0:
        return first
    part, given = problem.select(rows), starts.to(problem.data.device)[rows]
    places = draw(part, given, settings.search.starts, settings.search.seed)[:, 1:]
    known = levenberg.take(first, rows)
    again = best_of(part, torch.cat((known.values[:, None], places), 1), settings)
    # The same minimum found again is not taken: the first values stay.
    margin = settings.decrement * levenberg.scatter(part, known)
    ahead = (again.cost < known.cost - margin) | (again.status < known.status)
    ahead &= again.status != levenberg.NON_FINITE
    total = known.iterations + again.iterations
    kept = torch.nonzero(ahead)[:, 0]
    chosen = levenberg.put(known, kept, levenberg.take(again, kept)) if len(kept) else known
    fall = torch.where(ahead, known.cost - again.cost, torch.nan)
    return levenberg.put(first, rows, replace(chosen, iterations=total, fall=fall))


def doubtful(problem: Problem, state: State, settings: FitSettings) -> Tensor:
    """Which galaxies ask for more starts, (B,) bool.

    Not converged; at a bound; a component as good as lost, larger than the image or off it; components that
    may have exchanged their roles; or, where chi2 exceeds its expectation, residuals that hang together over
    blocks of pixels.
    """
    model, space = problem.renderer.model, problem.space
    doubt = state.status == levenberg.EXHAUSTED
    doubt |= space.at_bound(space.fold(state.values)).any(1)
    for where in exchanged(model, state.values).values():
        doubt |= where
    height, width = problem.renderer.shape
    diagonal = state.normal.diagonal(dim1=1, dim2=2)
    for f, index in enumerate(model.free):
        parameter, value = model.parameters[index], state.values[:, index]
        if parameter.name == "mag":
            doubt |= diagonal[:, f] * _FAINT**2 < 1.0
        elif parameter.name in ("x", "y"):
            end = width if parameter.name == "x" else height
            doubt |= (value < -0.5) | (value > end - 0.5)
        elif parameter.unit == "pixel" and parameter.scale == "log":
            doubt |= value > 0.7 * max(height, width)
    count = problem.n_pixels.clamp_min(1)
    excess = (state.chi2 - count) > _SIGNIFICANT * (2.0 * count).sqrt()
    rows = torch.nonzero(excess & ~doubt & torch.isfinite(state.chi2))[:, 0]
    if len(rows):
        doubt = doubt.index_copy(0, rows, _coherent(problem.select(rows), state.values[rows]))
    # With nothing to see the model is not at fault.
    return doubt & (state.status != levenberg.NON_FINITE)


def _coherent(problem: Problem, values: Tensor) -> Tensor:
    """Whether residuals hang together over blocks, compared with the light in them, (B,) bool."""
    height, width = problem.renderer.shape
    drawn = problem.renderer.image(values).flatten(1)
    weight = problem.weight.double()

    def sums(pixels: Tensor) -> Tensor:
        planes = (pixels.double() * weight**2).reshape(-1, 1, height, width)
        return torch.nn.functional.avg_pool2d(planes, _BLOCK, ceil_mode=True).flatten(1)

    used = sums(torch.ones_like(drawn))
    scale = torch.where(used > 0, used, torch.inf).rsqrt() * _BLOCK
    left, light = (sums(problem.data - drawn) * scale).square(), (sums(problem.data) * scale).square()
    count = (used > 0).sum(1).double()
    beyond = left.sum(1) - count
    significant = beyond > _SIGNIFICANT * (2.0 * count).sqrt()
    return significant & (beyond > _COHERENT**2 * (light.sum(1) - count).clamp_min(1.0))
