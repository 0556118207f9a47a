"""Gradient descent with the optimisers of torch, on exact gradients, many galaxies at once.

Each coordinate is one leaf (B,) with a step length of its own. The gradient that the optimiser sees is
divided by the curvature along its coordinate, so that plain descent, too, serves faint and bright galaxies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from galviewer.errors import SettingsError
from galviewer.fit import levenberg
from galviewer.fit.optimisers import common

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.search import SearchSettings
    from galviewer.fit.settings import FitSettings

_STEP, _PLAIN_STEP = 0.2, 0.05
"""Default step length, in units of a coordinate's largest step; that of plain descent (SGD)."""


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """Descend from the starts until no galaxy improves any more.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units.
    settings : FitSettings
        Its `search` names the optimiser, the step lengths and the patience.

    Raises
    ------
    SettingsError
        If torch has no such optimiser, or a step is given for a parameter that the model has not.

    References
    ----------
    Early stop and step lengths per parameter: Chen et al. 2024, section 3.
    """
    search, space = settings.search, problem.space
    best = levenberg.init(problem, starts, settings)
    diagonal = best.normal.diagonal(dim1=1, dim2=2)
    unit = torch.where(
        torch.isfinite(space.limit), space.limit, torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    )
    leaves = [column.clone() for column in (best.place / unit).unbind(1)]
    groups = [
        {"params": [leaf], "lr": rate} for leaf, rate in zip(leaves, _rates(problem, search), strict=True)
    ]
    optimiser = _optimiser(search.optimiser, groups)
    now, shrink = best, torch.ones_like(best.cost)
    idle = torch.zeros_like(best.status)
    for _ in range(search.max_iterations):
        rows = torch.nonzero(best.status == levenberg.RUNNING)[:, 0]
        if len(rows) == 0:
            break
        before = torch.stack(leaves, 1)
        _set_gradients(leaves, now, unit, best.status == levenberg.RUNNING)
        optimiser.step()
        after = before + shrink[:, None] * (torch.stack(leaves, 1) - before)
        place = torch.where(torch.isfinite(after), after * unit, best.place)
        place = place.clamp(space.lower, space.upper)
        part = problem if len(rows) == len(problem) else problem.select(rows)
        now = levenberg.put(now, rows, common.evaluated(part, place[rows], levenberg.take(now, rows)))
        gain = best.cost - now.cost > settings.decrement * levenberg.scatter(problem, best)
        iterations = now.iterations
        usable = torch.isfinite(now.gradient).all(1)
        lower = torch.nonzero((now.cost < best.cost) & usable)[:, 0]
        best = levenberg.put(best, lower, levenberg.take(now, lower)) if len(lower) else best
        idle = torch.where(gain, 0, idle + 1)
        # Not getting better any more: shorter steps, from the best place.
        back = (idle > 0) & (idle % max(search.patience // 4, 1) == 0) | ~torch.isfinite(now.cost) | ~usable
        shrink = torch.where(back, 0.5 * shrink, shrink)
        returning = torch.nonzero(back)[:, 0]
        now = levenberg.put(now, returning, levenberg.take(best, returning)) if len(returning) else now
        now, best = replace(now, iterations=iterations), replace(best, iterations=iterations)
        for leaf, column in zip(leaves, (now.place / unit).unbind(1), strict=True):
            leaf.copy_(column)
        best = _judged(problem, best, settings, idle)
    return common.finished(problem, best, settings)


def _set_gradients(leaves: list[Tensor], now: State, unit: Tensor, running: Tensor) -> None:
    """What the optimiser sees: the cost's slope over its curvature, in units of the largest step."""
    diagonal = now.normal.diagonal(dim1=1, dim2=2)
    seen = -now.gradient / (torch.where(diagonal > 0, diagonal, 1.0) * unit)
    seen = torch.where(running[:, None] & torch.isfinite(seen), seen, 0.0)
    for leaf, column in zip(leaves, seen.unbind(1), strict=True):
        leaf.grad = column.clone()


def _judged(problem: Problem, best: State, settings: FitSettings, idle: Tensor) -> State:
    """Galaxies at their minimum, and those without improvement for too long, stop."""
    small = common.promised(best, problem.space) <= settings.decrement * levenberg.scatter(problem, best)
    running = best.status == levenberg.RUNNING
    status = torch.where(running & small, levenberg.CONVERGED, best.status)
    stopped = common.finished(problem, replace(best, status=status), settings)
    late = running & ~small & (idle >= settings.search.patience)
    return replace(best, status=torch.where(late, stopped.status, status))


def _optimiser(name: str, groups: list) -> torch.optim.Optimizer:
    """The optimiser of that name over the leaves."""
    kind = getattr(torch.optim, name, None)
    if (
        not isinstance(kind, type)
        or not issubclass(kind, torch.optim.Optimizer)
        or name in ("LBFGS", "Optimizer")
    ):
        raise SettingsError(
            "optimiser", f"is {name!r}", "a class of torch.optim such as Adam, RMSprop or SGD",
            "use the method 'lbfgs' for L-BFGS",
        )  # fmt: skip
    if name == "SGD":
        return torch.optim.SGD(groups, lr=_PLAIN_STEP, momentum=0.9)
    return kind(groups)  # pyright: ignore[reportCallIssue]


def _rates(problem: Problem, search: SearchSettings) -> list[float]:
    """Step length of every free parameter in units of its largest step."""
    model = problem.renderer.model
    given: dict[str, float] = {str(name): float(length) for name, length in tuple(search.steps)}
    default = _PLAIN_STEP if search.optimiser == "SGD" else _STEP
    known = {*model.columns, *(parameter.name for parameter in model.parameters)}
    if unknown := sorted(set(given) - known):
        raise SettingsError("steps", f"are given for {', '.join(unknown)}", "parameters of the model")
    rates = []
    for limit, index in zip(problem.space.limit.tolist(), model.free, strict=True):
        length = given.get(model.columns[index], given.get(model.parameters[index].name))
        unit = limit if limit < float("inf") else 1.0
        rates.append(default if length is None else length / unit)
    return rates
