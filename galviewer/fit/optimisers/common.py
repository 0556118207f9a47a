"""What the methods share: when a galaxy is done, states joined, rows in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

import torch

from galviewer.fit import levenberg
from galviewer.fit.levenberg import State

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.coordinates import Coordinates
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings


def joined(states: list[State]) -> State:
    """The states of several batches as one."""
    return State(**{f.name: torch.cat([getattr(s, f.name) for s in states]) for f in fields(State)})


def promised(state: State, space: Coordinates) -> Tensor:
    """Fall of the cost that a full Newton step promises, (B,)."""
    newton = levenberg.newton_step(state, space, torch.zeros_like(state.damping))
    return (newton * state.gradient).sum(1)


def evaluated(problem: Problem, place: Tensor, like: State) -> State:
    """`like` moved to other places (B, F), with cost and derivatives there."""
    space = problem.space
    values = space.to_values(place, like.values)
    found = problem.evaluate(values)
    slopes = space.slopes(values)
    normal = found.normal * slopes[:, :, None] * slopes[:, None, :]
    gradient = found.gradient * slopes
    return State(
        values,
        place,
        found.cost,
        found.chi2,
        gradient,
        normal,
        like.damping,
        like.iterations + 1,
        like.status,
        like.fall,
    )


def by_rows(
    problem: Problem, rows: Tensor, work: Callable[[Problem, Tensor], State], size: int | None = None
) -> State:
    """`work` on galaxies `rows` (repeated at will), no more at a time than the problem holds (32 at least).

    Parameters
    ----------
    problem : Problem
        B galaxies.
    rows : Tensor of int, (N,)
        Which, in the order of the result.
    work : callable
        From the problem of some rows and their positions in `rows` to their state.
    size : int, optional
        Rows at a time.
    """
    size = size or max(32, len(problem))
    chunks = torch.arange(len(rows), device=rows.device).split(size)
    return joined([work(problem.select(rows[chunk]), chunk) for chunk in chunks])


def finished(problem: Problem, state: State, settings: FitSettings, slack: float = 100.0) -> State:
    """Running galaxies become converged where little is promised any more, else exhausted."""
    little = promised(state, problem.space) <= slack * settings.decrement * levenberg.scatter(problem, state)
    ended = torch.where(little, levenberg.CONVERGED, levenberg.EXHAUSTED)
    status = torch.where(state.status == levenberg.RUNNING, ended, state.status)
    return State(**{**vars(state), "status": status})
