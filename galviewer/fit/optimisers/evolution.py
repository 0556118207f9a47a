"""Differential evolution for hard starts: a population per galaxy, all in one batch, polished at the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from galviewer.fit.optimisers.drawing import draw, settle
from galviewer.fit.optimisers.multistart import best_of

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings

_CROSSING = 0.9
_WIDER = 0.25
_POLISHED = 4
"""Members that are polished, the best ones."""

_SPREAD = 1.0
"""A population whose costs differ by less (times chi2 per pixel) has found its valley."""


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """Evolve a population per galaxy, and fit from its best members.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units; the population is drawn as `drawing.draw` says, inside the bounds.
    settings : FitSettings
        Its `search` gives members, generations and seed.

    References
    ----------
    Storn & Price 1997, J. Global Optim. 11, 341; best-of-current variant with dithered weight.
    """
    search = settings.search
    base = starts.to(problem.data.device).double()
    members = draw(problem, base, search.population, search.seed)
    rows = torch.arange(len(base), device=base.device).repeat_interleave(search.population)
    size = max(32, len(problem))
    flat = members.flatten(0, 1)
    chunks = torch.arange(len(flat), device=base.device).split(size)
    flat = torch.cat([settle(problem.select(rows[chunk]), flat[chunk]) for chunk in chunks])
    wide = problem.select(rows).space
    place = wide.from_values(flat).reshape(*members.shape[:2], -1)
    place = torch.where(torch.isfinite(place), place, place.new_zeros(()))
    cost = _costs(problem, base, place, size)
    place, cost, spent = _evolved(problem, base, place, cost, settings, size)
    leaders = place.gather(1, cost.argsort(1)[:, :_POLISHED, None].expand(-1, -1, place.shape[2]))
    chosen = rows.reshape(len(base), -1)[:, : leaders.shape[1]].flatten()
    found = problem.select(chosen).space.to_values(leaders.flatten(0, 1), base[chosen])
    found = torch.where(torch.isfinite(cost.amin(1))[chosen, None], found, base[chosen])
    polished = best_of(problem, found.reshape(len(base), -1, base.shape[1]), settings)
    return replace(polished, iterations=polished.iterations + spent)


def _evolved(
    problem: Problem, base: Tensor, place: Tensor, cost: Tensor, settings: FitSettings, size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Population (B, K, F), its costs and the evaluations spent on each galaxy."""
    generator = torch.Generator().manual_seed(settings.search.seed + 1)
    count, width = place.shape[1:]
    spent = torch.full((len(base),), 2 * count, device=base.device)
    lower, upper = _range(problem, place)
    for _ in range(settings.search.generations):
        dice = torch.rand(count, width + 2, generator=generator, dtype=torch.float64).to(base.device)
        others = (
            torch.rand(count, count, generator=generator).fill_diagonal_(-1.0).argsort(1, descending=True)
        )
        spread = cost.amax(1) - cost.amin(1)
        alive = torch.isfinite(cost.amin(1)) & ~(
            spread <= _SPREAD * (cost.amin(1) / problem.n_pixels.clamp_min(1)).clamp_min(1.0)
        )
        rows = torch.nonzero(alive)[:, 0]
        if len(rows) == 0:
            break
        now, part = place[rows], problem.select(rows)
        leader = now[torch.arange(len(rows), device=base.device), cost[rows].argmin(1)][:, None]
        weight = 0.4 + 0.5 * dice[:, :1]
        one, other = now[:, others[:, 0]], now[:, others[:, 1]]
        mutant = now + weight * (leader - now) + weight * (one - other)
        forced = (dice[:, 1:2] * width).long() == torch.arange(width, device=base.device)
        trial = torch.where((dice[:, 2:] < _CROSSING) | forced, mutant, now)
        trial = trial.clamp(lower[rows], upper[rows])
        found = _costs(part, base[rows], trial, size)
        better = found < cost[rows]
        place = place.index_copy(0, rows, torch.where(better[..., None], trial, now))
        cost = cost.index_copy(0, rows, torch.where(better, found, cost[rows]))
        spent = spent.index_add(0, rows, torch.full_like(rows, count))
    return place, cost, spent


def _range(problem: Problem, place: Tensor) -> tuple[Tensor, Tensor]:
    """Ends (B, 1, F) between which members move: where they began and a quarter more, inside the bounds."""
    low, high = place.amin(1), place.amax(1)
    more, space = _WIDER * (high - low), problem.space
    lower, upper = torch.maximum(low - more, space.lower), torch.minimum(high + more, space.upper)
    return lower[:, None], upper[:, None]


def _costs(problem: Problem, base: Tensor, place: Tensor, size: int) -> Tensor:
    """Costs (B, K) of coordinates (B, K, F), so many rows at a time."""
    galaxies, count, width = place.shape
    rows = torch.arange(galaxies, device=base.device).repeat_interleave(count)
    flat, found = place.reshape(-1, width), []
    for chunk in torch.arange(len(rows), device=base.device).split(size):
        part = problem.select(rows[chunk])
        found.append(part.cost(part.space.to_values(flat[chunk], base[rows[chunk]])))
    return torch.cat(found).reshape(galaxies, count)
