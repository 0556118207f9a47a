"""Levenberg-Marquardt from several starts per galaxy, as one batch; the best is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from galviewer.fit import levenberg
from galviewer.fit.optimisers import common
from galviewer.fit.optimisers.drawing import draw, settle

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """Fit from the given starts and from drawn ones.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units.
    settings : FitSettings
        Its `search` says how many starts; iterations of the result are those of all of them.
    """
    places = draw(problem, starts.to(problem.data.device), settings.search.starts, settings.search.seed)
    return best_of(problem, places, settings)


def best_of(problem: Problem, places: Tensor, settings: FitSettings) -> State:
    """Best of the fits from K starts per galaxy (B, K, P); amplitudes of all but the first are settled."""
    galaxies, count = places.shape[:2]
    flat = places.flatten(0, 1)
    rows = torch.arange(galaxies, device=flat.device).repeat_interleave(count)

    def work(part: Problem, chosen: Tensor) -> State:
        begun = flat[chosen]
        settled = settle(part, begun)
        given = (chosen % count == 0)[:, None]
        return levenberg.run(part, torch.where(given, begun, settled), settings)

    return pick(common.by_rows(problem, rows, work), galaxies)


def pick(tried: State, galaxies: int) -> State:
    """Of the states of as many fits of each galaxy, that of lowest cost."""
    cost = torch.where(tried.status == levenberg.NON_FINITE, torch.inf, tried.cost).reshape(galaxies, -1)
    count = cost.shape[1]
    first = torch.arange(galaxies, device=cost.device) * count
    best = levenberg.take(tried, first + cost.argmin(1))
    return replace(best, iterations=tried.iterations.reshape(galaxies, count).sum(1))
