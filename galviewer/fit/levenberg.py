"""Levenberg-Marquardt for a batch: frozen settings, the state goes in and comes out.

``state = init(problem, starts, settings)``, then ``state = step(problem, state, settings)`` until
``state.done``. A galaxy that has finished is no longer evaluated; one that fails keeps its best values
and its own status, and its neighbours do not notice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from galviewer.fit.coordinates import Coordinates
from galviewer.fit.knowledge import STIFFNESS, Knowledge, knowledge
from galviewer.fit.problem import Evaluation, Problem
from galviewer.fit.settings import FitSettings

if TYPE_CHECKING:
    from torch import Tensor

RUNNING, CONVERGED, EXHAUSTED, NON_FINITE = 0, 1, 2, 3
"""Status of one galaxy."""

_LARGEST_DAMPING = 1e8
_SMALLEST_DAMPING = 1e-9
_ROUNDING = 0.05
"""Fall of the cost (times its scatter) that single precision may hide: 0.2 standard errors at the most."""


@dataclass(frozen=True)
class State:
    """Where the fits of B galaxies stand.

    Parameters
    ----------
    values : Tensor, (B, P)
        Best parameters so far; axes may have swapped (q > 1) until `Coordinates.fold`.
    place : Tensor, (B, F)
        The same as coordinates.
    cost, chi2 : Tensor, (B,)
        At the best parameters.
    gradient, normal : Tensor, (B, F), (B, F, F)
        At the best parameters, per unit of each coordinate.
    damping : Tensor, (B,)
        Relative to the diagonal of the normal matrix.
    iterations : Tensor of int, (B,)
        Steps tried.
    status : Tensor of int, (B,)
        RUNNING, CONVERGED, EXHAUSTED or NON_FINITE.
    fall : Tensor, (B,)
        By how much the cost fell when a fit from further starts replaced the first; nan where none did.
    """

    values: Tensor
    place: Tensor
    cost: Tensor
    chi2: Tensor
    gradient: Tensor
    normal: Tensor
    damping: Tensor
    iterations: Tensor
    status: Tensor
    fall: Tensor

    @property
    def done(self) -> bool:
        """Whether no galaxy is running any more."""
        return not bool((self.status == RUNNING).any())


def init(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """The state at the start values.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units; free ones are moved into their bounds, tied ones follow.
    settings : FitSettings
        Damping.
    """
    space = problem.space
    base = starts.to(device=problem.data.device, dtype=torch.float64)
    place = space.from_values(base)
    values = space.to_values(place, base)
    here = _in_coordinates(problem.evaluate(values), space, values)
    status = torch.where(torch.isfinite(here.cost) & torch.isfinite(values).all(1), RUNNING, NON_FINITE)
    damping = torch.full_like(here.cost, settings.damping)
    iterations = torch.zeros_like(status)
    fall = torch.full_like(here.cost, torch.nan)
    state = State(
        values, place, here.cost, here.chi2, here.gradient, here.normal, damping, iterations, status, fall
    )
    return _judge(problem, state, space, settings, torch.zeros_like(damping, dtype=torch.bool))


def step(problem: Problem, state: State, settings: FitSettings) -> State:
    """One damped Gauss-Newton step of every running galaxy."""
    rows = torch.nonzero(state.status == RUNNING)[:, 0]
    if len(rows) == 0:
        return state
    now = take(state, rows)
    part = problem if len(rows) == len(problem) else problem.select(rows)
    space = part.space
    move, predicted = _damped_step(now, space)
    place = (now.place + move).clamp(space.lower, space.upper)
    values = space.to_values(place, now.values)
    trial = _in_coordinates(part.evaluate(values), space, values)
    gain = (now.cost - trial.cost) / predicted.clamp_min(1e-300)
    better = (trial.cost < now.cost) & torch.isfinite(trial.gradient).all(1)
    down, up = settings.damping_down, settings.damping_up
    factor = torch.where(~better, up, torch.where(gain > 0.7, down, torch.where(gain < 0.2, up**0.5, 1.0)))
    moved = State(
        values=_choose(better, values, now.values),
        place=_choose(better, place, now.place),
        cost=torch.where(better, trial.cost, now.cost),
        chi2=torch.where(better, trial.chi2, now.chi2),
        gradient=_choose(better, trial.gradient, now.gradient),
        normal=_choose(better, trial.normal, now.normal),
        damping=(now.damping * factor).clamp(_SMALLEST_DAMPING, _LARGEST_DAMPING * 10),
        iterations=now.iterations + 1,
        status=now.status,
        fall=now.fall,
    )
    # A step that promised less than rounding can show, and did not deliver, has nothing left to find.
    lost_in_rounding = ~better & (predicted < _ROUNDING * scatter(part, now))
    return put(state, rows, _judge(part, moved, space, settings, lost_in_rounding))


def run(problem: Problem, starts: Tensor, settings: FitSettings) -> State:
    """All steps until every galaxy is done."""
    state = init(problem, starts, settings)
    while not state.done:
        state = step(problem, state, settings)
    return state


def held_at_bound(state: State, space: Coordinates) -> Tensor:
    """Which coordinates sit at a bound that the gradient pushes against, (B, F) bool."""
    low = (state.place <= space.lower) & (state.gradient <= 0)
    high = (state.place >= space.upper) & (state.gradient >= 0)
    return low | high


def newton_step(state: State, space: Coordinates, damping: Tensor) -> Tensor:
    """Solution of ``(N + damping diag N) move = gradient`` over the coordinates not held at a bound.

    Orders are kept on the way: where the step would cross their border, it ends on it.
    """
    held = held_at_bound(state, space)
    known = knowledge(space.model, state.values.device)
    if not known.borders:
        return _solve(state.normal, state.gradient, held, damping)
    return _bordered_step(state, space, known, held, damping)


def _solve(
    normal: Tensor, gradient: Tensor, held: Tensor, damping: Tensor, stiff: Tensor | None = None
) -> Tensor:
    """The damped step; `stiff` is added to the normal matrix without being damped."""
    normal = normal.masked_fill(held[:, :, None] | held[:, None, :], 0.0)
    gradient = gradient.masked_fill(held, 0.0)
    diagonal = normal.diagonal(dim1=1, dim2=2)
    extra = torch.where(diagonal > 0, damping[:, None] + 1e-12, 1.0)
    if stiff is not None:
        extra = extra * torch.where(diagonal > 0, diagonal, 1.0)
        normal = normal + stiff.masked_fill(held[:, :, None] | held[:, None, :], 0.0)
        diagonal = normal.diagonal(dim1=1, dim2=2)
    scale = torch.where(diagonal > 0, diagonal, 1.0).rsqrt()
    # Scaled to unit diagonal, so that the ridge that keeps it positive definite means the same to all.
    scaled = normal * scale[:, :, None] * scale[:, None, :]
    extra = extra if stiff is None else extra * scale**2
    factor, failed = torch.linalg.cholesky_ex(scaled + torch.diag_embed(extra))
    rescue = torch.eye(scaled.shape[-1], dtype=scaled.dtype, device=scaled.device)
    factor = torch.where((failed > 0)[:, None, None] | ~torch.isfinite(factor), rescue, factor)
    return torch.cholesky_solve((gradient * scale)[..., None], factor)[..., 0] * scale


def _bordered_step(
    state: State, space: Coordinates, known: Knowledge, held: Tensor, damping: Tensor
) -> Tensor:
    """The step with the orders that it would break as equations, found by trial."""
    slopes = space.slopes(state.values)
    pull, stiff = known.order_terms(state.values)
    normal = state.normal - stiff * slopes[:, :, None] * slopes[:, None, :]
    gradient = state.gradient - pull * slopes
    beyond, across = known.beyond(state.values)
    across = across * slopes[:, None, :]
    active = torch.zeros_like(beyond, dtype=torch.bool)
    move = _solve(normal, gradient, held, damping)
    for _ in range(1 + beyond.shape[1]):
        reached = beyond + (across @ move[..., None])[..., 0]
        active = reached > torch.where(active, 0.0, 1e-9)
        rows = across * active[:, :, None]
        wall = STIFFNESS * rows.transpose(1, 2) @ rows
        back = -STIFFNESS * (beyond[:, None, :] @ rows)[:, 0]
        move = _solve(normal, gradient + back, held, damping, wall)
    return move


def _damped_step(state: State, space: Coordinates) -> tuple[Tensor, Tensor]:
    """The step to try, shortened to its limits, and the fall of the cost that the local model predicts."""
    move = newton_step(state, space, state.damping)
    excess = (move.abs() / space.limit).amax(1, keepdim=True).clamp_min(1.0)
    move = (state.place + move / excess).clamp(space.lower, space.upper) - state.place
    bend = (move[:, None, :] @ state.normal @ move[:, :, None])[:, 0, 0]
    return move, 2.0 * (move * state.gradient).sum(1) - bend


def _judge(
    problem: Problem, state: State, space: Coordinates, settings: FitSettings, lost_in_rounding: Tensor
) -> State:
    """Set the status of galaxies that have converged, stalled, or used up their iterations."""
    newton = newton_step(state, space, torch.zeros_like(state.damping))
    decrement = (newton * state.gradient).sum(1)
    small_fall = decrement <= settings.decrement * scatter(problem, state)
    small_move = (newton.abs() <= settings.step * space.limit.clamp_max(1e3)).all(1)
    allowed = settings.max_iterations * len(space.model.components)
    running = state.status == RUNNING
    ended = (state.iterations >= allowed) | (state.damping > _LARGEST_DAMPING)
    status = torch.where(running & ended, EXHAUSTED, state.status)
    converged = small_fall | small_move | lost_in_rounding
    return replace(state, status=torch.where(running & converged, CONVERGED, status))


def scatter(problem: Problem, state: State) -> Tensor:
    """How much one unit of the cost means: cost per pixel where the noise is larger than stated."""
    kind = problem.likelihood.kind
    if kind == "student_t":  # its width follows the residuals
        return torch.ones_like(state.cost)
    measure = state.chi2 if kind in ("chi2", "chi2_distribution") else state.cost
    scatter = (measure / problem.n_pixels.clamp_min(1)).clamp_min(1.0)
    return scatter * problem.flatness(state.chi2) if kind == "chi2_distribution" else scatter


def _in_coordinates(found: Evaluation, space: Coordinates, values: Tensor) -> Evaluation:
    slopes = space.slopes(values)
    normal = found.normal * slopes[:, :, None] * slopes[:, None, :]
    return Evaluation(found.cost, found.chi2, found.gradient * slopes, normal)


def _choose(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(condition.reshape(-1, *([1] * (yes.dim() - 1))), yes, no)


def take(state: State, rows: Tensor) -> State:
    """The state of some galaxies."""
    return State(**{name: value[rows] for name, value in vars(state).items()})


def put(state: State, rows: Tensor, part: State) -> State:
    """The state with those of some galaxies replaced."""
    return State(
        **{name: value.index_copy(0, rows, getattr(part, name)) for name, value in vars(state).items()}
    )
