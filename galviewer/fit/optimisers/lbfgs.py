"""Batched L-BFGS: two-loop recursion over (B, F), Armijo line search, projection at bounds.

Every evaluation serves each galaxy in its own phase: one goes on along its line while its neighbour
starts a new one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from galviewer.fit import levenberg
from galviewer.fit.optimisers import common

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings

_ARMIJO = 1e-4
_SHORTEST = 1e-10
"""A line on which steps are shorter than this has nothing left to find."""


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """Descend from the starts.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units.
    settings : FitSettings
        Its `search` says how many steps are remembered.

    References
    ----------
    Nocedal & Wright 2006, Numerical Optimization, algorithms 3.1 and 7.4.
    """
    space, memory = problem.space, settings.search.memory
    state = levenberg.init(problem, starts, settings)
    diagonal = state.normal.diagonal(dim1=1, dim2=2)
    unit = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    moves = state.place.new_zeros(memory, *state.place.shape)
    bends = torch.zeros_like(moves)
    length = torch.ones_like(state.cost)
    for _ in range(settings.search.max_iterations):
        running = state.status == levenberg.RUNNING
        rows = torch.nonzero(running)[:, 0]
        if len(rows) == 0:
            break
        direction = _direction(state, space, unit, moves, bends)
        excess = (direction.abs() / space.limit).amax(1).clamp_min(1.0)
        step = (length / excess)[:, None] * direction
        place = (state.place + step).clamp(space.lower, space.upper)
        part = problem if len(rows) == len(problem) else problem.select(rows)
        trial = levenberg.put(state, rows, common.evaluated(part, place[rows], levenberg.take(state, rows)))
        moved = trial.place - state.place
        slope = (state.gradient * moved).sum(1)  # half the fall of the cost that the tangent promises
        usable = torch.isfinite(trial.gradient).all(1) & torch.isfinite(trial.cost)
        good = running & usable & (trial.cost <= state.cost - 2.0 * _ARMIJO * slope) & (slope > 0)
        pair = moved / unit, (state.gradient - trial.gradient) * unit
        moves, bends = _remembered(moves, bends, pair, good)
        shorter = _shorter(length, slope, trial.cost - state.cost)
        length = torch.where(good, 1.0, torch.where(running, shorter, length))
        iterations = trial.iterations
        chosen = torch.nonzero(good)[:, 0]
        state = levenberg.put(state, chosen, levenberg.take(trial, chosen)) if len(chosen) else state
        state = replace(state, iterations=iterations)
        small = common.promised(state, space) <= settings.decrement * levenberg.scatter(problem, state)
        stuck = running & ~good & (length < _SHORTEST)
        moves = torch.where(stuck[None, :, None], 0.0, moves)
        status = torch.where(running & small, levenberg.CONVERGED, state.status)
        ended = common.finished(problem, replace(state, status=status), settings).status
        state = replace(state, status=torch.where(stuck, ended, status))
    return common.finished(problem, state, settings)


def _direction(state: State, space, unit: Tensor, moves: Tensor, bends: Tensor) -> Tensor:
    """Two-loop recursion: downhill direction (B, F); zero for coordinates held at a bound."""
    held = levenberg.held_at_bound(state, space)
    down = (state.gradient * unit).masked_fill(held, 0.0)
    products = (moves * bends).sum(2)
    inverse = torch.where(products > 0, 1.0 / products.clamp_min(1e-300), 0.0)
    result, shares = down, []
    for s, y, rho in zip(moves, bends, inverse, strict=True):  # newest first
        shares.append(rho * (s * result).sum(1))
        result = result - shares[-1][:, None] * y
    newest = (bends[0] * bends[0]).sum(1)
    scale = torch.where(products[0] > 0, products[0] / newest.clamp_min(1e-300), 1.0)
    result = result * scale[:, None]
    for s, y, rho, share in zip(
        reversed(moves.unbind(0)), reversed(bends.unbind(0)), reversed(inverse.unbind(0)), reversed(shares),
        strict=True,
    ):  # fmt: skip
        result = result + s * (share - rho * (y * result).sum(1))[:, None]
    result = result.masked_fill(held, 0.0)
    uphill = ((result * down).sum(1) <= 0) | ~torch.isfinite(result).all(1)
    return torch.where(uphill[:, None], down, result) * unit


def _remembered(
    moves: Tensor, bends: Tensor, pair: tuple[Tensor, Tensor], good: Tensor
) -> tuple[Tensor, Tensor]:
    """Memory with the newest pair in front, where it was a step along which the cost bends upwards."""
    s, y = pair
    bent = (s * y).sum(1) > 1e-10 * (y * y).sum(1)
    keep = (good & bent)[None, :, None]
    return (
        torch.where(keep, torch.cat((s[None], moves[:-1])), moves),
        torch.where(keep, torch.cat((y[None], bends[:-1])), bends),
    )


def _shorter(length: Tensor, slope: Tensor, rise: Tensor) -> Tensor:
    """Where the parabola through both costs and the slope has its minimum, within a tenth and a half."""
    rise = torch.where(torch.isfinite(rise), rise, torch.inf)
    factor = slope / (rise + 2.0 * slope)
    factor = torch.where(torch.isfinite(factor), factor, 0.1)
    return length * factor.clamp(0.1, 0.5)
