"""Between the vocabulary's parameters and the coordinates in which the fit steps.

Sizes and indices are stepped in their logarithm. Ties are filled in. An axis ratio may pass through 1
on the way (the axes then swap roles); `fold` gives the result back with q <= 1 and pa in [0, 180).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from galviewer.conventions import wrap_pa
from galviewer.model import Model, Parameter

if TYPE_CHECKING:
    from torch import Tensor

_STEP_BY_UNIT = {"pixel": 3.0, "mag": 1.5, "deg": 40.0}


@dataclass(frozen=True)
class _Ellipse:
    """Indices of a component whose axes may swap: q, pa, and every length along the major axis."""

    q: int
    pa: int
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Coordinates:
    """The F coordinates of one model.

    Parameters
    ----------
    model : Model
        What is fitted.
    free : Tensor of int, (F,)
        Indices of the free parameters among P.
    log : Tensor of bool, (F,)
        Which are stepped in their logarithm.
    lower, upper : Tensor, (F,) or (B, F)
        Bounds in coordinates, of all galaxies or of each.
    limit : Tensor, (F,)
        Largest step per iteration, in coordinates.
    ties : tuple of (int, tuple of (int, float), float)
        Tied parameter, those it follows with their factors, offset.
    swapping : tuple
        Components whose axes may swap.
    """

    model: Model
    free: Tensor
    log: Tensor
    lower: Tensor
    upper: Tensor
    limit: Tensor
    ties: tuple[tuple[int, tuple[tuple[int, float], ...], float], ...]
    swapping: tuple[_Ellipse, ...]

    def from_values(self, values: Tensor) -> Tensor:
        """Coordinates (B, F) of parameters (B, P), moved into their bounds."""
        chosen = values[:, self.free]
        logged = torch.where(self.log, chosen.clamp_min(1e-300), 1.0).log()
        return torch.where(self.log, logged, chosen).clamp(self.lower, self.upper)

    def to_values(self, coordinates: Tensor, base: Tensor) -> Tensor:
        """Parameters (B, P): `base` with the free ones from `coordinates` and the tied ones following."""
        values = base.clone()
        values[:, self.free] = torch.where(self.log, coordinates.exp(), coordinates)
        return self.apply_ties(values)

    def apply_ties(self, values: Tensor) -> Tensor:
        """Parameters (B, P) with the tied ones following; changes and returns `values`."""
        for tied, terms, offset in self.ties:
            values[:, tied] = sum(factor * values[:, root] for root, factor in terms) + offset
        return values

    def slopes(self, values: Tensor) -> Tensor:
        """d(value)/d(coordinate) of the free parameters, (B, F)."""
        return torch.where(self.log, values[:, self.free], 1.0)

    def fold(self, values: Tensor) -> Tensor:
        """The same models with q <= 1 where axes had swapped, and angles in [0, 180)."""
        folded = values.clone()
        for ellipse in self.swapping:
            q = folded[:, ellipse.q]
            swapped = q > 1.0
            folded[:, ellipse.pa] += 90.0 * swapped
            for length in ellipse.lengths:
                folded[:, length] *= torch.where(swapped, q, 1.0)
            folded[:, ellipse.q] = torch.where(swapped, 1.0 / q, q)
        for index, parameter in enumerate(self.model.parameters):
            unbounded = not (math.isfinite(parameter.lower) or math.isfinite(parameter.upper))
            if parameter.scale == "angle" and parameter.free and unbounded:
                angle = folded[:, index]
                folded[:, index] = angle % 360.0 if self.model.turns[index] == 360.0 else wrap_pa(angle)
        return self.apply_ties(folded)

    def within(self, bounds: tuple[Tensor, Tensor]) -> Coordinates:
        """The same with the bounds of each galaxy, which tighten those of the model.

        Parameters
        ----------
        bounds : (Tensor, Tensor), (B, P) each
            Lower and upper ends, in the vocabulary's units.
        """
        ends = []
        for end, infinite in zip(bounds, (-math.inf, math.inf), strict=True):
            chosen = end.to(self.lower)[:, self.free]
            logged = torch.where(chosen > 0, chosen.clamp_min(1e-300).log(), -math.inf)
            chosen = torch.where(torch.isnan(chosen), infinite, torch.where(self.log, logged, chosen))
            ends.append(chosen)
        lower, upper = torch.maximum(ends[0], self.lower), torch.minimum(ends[1], self.upper)
        for ellipse in self.swapping:
            places = [self.model.free.index(i) for i in (ellipse.q, ellipse.pa, *ellipse.lengths)]
            tightened = (lower > self.lower)[:, places].any(1) | (upper < self.upper)[:, places].any(1)
            # Axes that swap would carry a bounded length or angle across its bound.
            upper[:, places[0]] = torch.where(
                tightened, upper[:, places[0]].clamp_max(1.0), upper[:, places[0]]
            )
        return replace(self, lower=lower, upper=torch.maximum(upper, lower))

    def select(self, rows: Tensor) -> Coordinates:
        """Those of some of the galaxies."""
        if self.lower.dim() == 1:
            return self
        return replace(self, lower=self.lower[rows], upper=self.upper[rows])

    def at_bound(self, values: Tensor) -> Tensor:
        """Which free parameters of (folded) `values` lie at a bound of the model, (B, F) bool."""
        value = values[:, self.free]
        lower, upper = (torch.where(self.log, end.exp(), end) for end in (self.lower, self.upper))
        tolerance = 1e-6 * torch.clamp(value.abs(), min=1e-3)
        found = (value <= lower + tolerance) | (value >= upper - tolerance)
        for ellipse in self.swapping:
            # A round galaxy is no failure: q = 1 is where the axes swap, not where the model ends.
            f = self.model.free.index(ellipse.q)
            found[:, f] &= values[:, ellipse.q] < 0.5
        return found


@lru_cache(maxsize=64)
def coordinates(model: Model, device: torch.device) -> Coordinates:
    """The coordinates of `model`, on that device."""
    swapping = tuple(_swapping(model))
    swaps = {ellipse.q for ellipse in swapping}
    log, lower, upper, limit = [], [], [], []
    for index in model.free:
        parameter = model.parameters[index]
        is_log = parameter.scale == "log" and parameter.upper > 0
        low, high = _ends(parameter)
        high = 1.0 / low if index in swaps else high
        if is_log:
            low, high = math.log(low) if low > 0 else -math.inf, math.log(high)
        log.append(is_log)
        lower.append(low)
        upper.append(high)
        limit.append(0.7 if is_log else _step_limit(parameter))
    ties = []
    for index, column in enumerate(model.columns):
        if model.parameters[index].tied is not None:
            ties.append((index, *model.tie_terms(column)))

    def tensor(values: list[float]) -> Tensor:
        return torch.tensor(values, dtype=torch.float64, device=device)

    return Coordinates(
        model,
        torch.tensor(model.free, dtype=torch.long, device=device),
        torch.tensor(log, dtype=torch.bool, device=device),
        tensor(lower),
        tensor(upper),
        tensor(limit),
        tuple(ties),
        swapping,
    )


def _ends(parameter: Parameter) -> tuple[float, float]:
    """Bounds of a parameter, tightened by the limits of its prior."""
    prior = parameter.prior
    if prior is None:
        return parameter.lower, parameter.upper
    return max(parameter.lower, prior.lower), min(parameter.upper, prior.upper)


def _step_limit(parameter: Parameter) -> float:
    """Largest change of a linear parameter in one iteration."""
    if parameter.unit in _STEP_BY_UNIT:
        return _STEP_BY_UNIT[parameter.unit]
    lower, upper = _ends(parameter)
    width = upper - lower
    return 0.3 * width if math.isfinite(width) else math.inf


def _swapping(model: Model):
    """Elliptical components whose q, pa and lengths are all free and concern nothing else, q bounded by 1."""
    tied = [column for i, column in enumerate(model.columns) if model.parameters[i].tied]
    followed = {root for column in tied for root, _ in model.tie_terms(column)[0]}
    followed |= {i for i, parameter in enumerate(model.parameters) if parameter.prior is not None}
    for order in model.orders:
        followed |= {root for end in (order.smaller, order.larger) for root, _ in model.tie_terms(end)[0]}
    for component in model.components:
        start = model.component_slices[component.name].start
        declaration = component.declaration
        # Modifiers count from the major axis: with them, the axes cannot swap.
        if declaration.kind != "elliptical" or component.modifiers:
            continue
        lengths = [p.name for p in declaration.shape if p.unit == "pixel"]
        names = ["q", "pa", *lengths]
        indices = [start + declaration.parameter_names.index(name) for name in names]
        q = model.parameters[indices[0]]
        if (
            all(model.parameters[i].free and i not in followed for i in indices)
            and q.upper == 1.0
            and q.lower > 0
        ):
            yield _Ellipse(indices[0], indices[1], tuple(indices[2:]))
