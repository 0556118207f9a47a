"""What the model says besides the pixels: priors, and parameters that stay below others.

A prior adds -2 ln of its density to the cost. An order ``smaller <= factor * larger`` adds a parabola
beyond its border, so steep that the fit ends on the border; on the allowed side it adds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from galviewer.model import Model, Parameter

if TYPE_CHECKING:
    from torch import Tensor

STIFFNESS = 1e10
"""Of an order's border: a pull of 1e6 in the cost per unit crosses it by 1e-4."""


@dataclass(frozen=True)
class Border:
    """``left <= right``, both affine in the parameters; compared by their logarithms where `log`.

    Parameters
    ----------
    left, right : Tensor, (P,)
        Factors of the untied parameters.
    left_offset, right_offset : float
        Added.
    log : bool
        Whether the border is steep in ln(left / right); in left - right otherwise.
    """

    left: Tensor
    left_offset: float
    right: Tensor
    right_offset: float
    log: bool


@dataclass(frozen=True)
class Knowledge:
    """Priors and orders of one model, for P parameters of which F are free.

    Parameters
    ----------
    free : Tensor of int, (F,)
        Indices of the free parameters among P.
    indices, mean, width : Tensor, (K,)
        Parameters with a normal or log-normal prior, and its numbers.
    log : Tensor of bool, (K,)
        Whether the prior is log-normal.
    period : Tensor, (K,)
        Of an angle, degrees; infinite for anything else.
    slopes : Tensor, (K, F)
        d(parameter)/d(free parameter).
    borders : tuple
        Of the orders.
    """

    free: Tensor
    indices: Tensor
    mean: Tensor
    width: Tensor
    log: Tensor
    period: Tensor
    slopes: Tensor
    borders: tuple[Border, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to add."""
        return len(self.indices) == 0 and not self.borders

    def cost(self, values: Tensor) -> Tensor:
        """What is added to the cost at parameters (b, P); (b,), inf where a prior is 0."""
        distance, _ = self._distance(values)
        total = (distance**2).sum(1)
        if self.borders:
            beyond, _ = self.beyond(values)
            total = total + STIFFNESS * (beyond.clamp_min(0.0) ** 2).sum(1)
        return total

    def terms(self, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is added to cost (b,), gradient (b, F) and normal matrix (b, F, F)."""
        distance, per_value = self._distance(values)
        jacobian = per_value[:, :, None] * self.slopes
        jacobian = torch.where(torch.isfinite(jacobian), jacobian, 0.0)
        gradient = -(distance[:, None, :] @ jacobian)[:, 0]
        normal = jacobian.transpose(1, 2) @ jacobian
        if self.borders:
            pull, stiff = self.order_terms(values)
            gradient, normal = gradient + pull, normal + stiff
        return self.cost(values), gradient, normal

    def order_terms(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """The orders' part of gradient (b, F) and normal matrix (b, F, F)."""
        beyond, slopes = self.beyond(values)
        pull = -STIFFNESS * (beyond.clamp_min(0.0)[:, None, :] @ slopes)[:, 0]
        crossed = slopes * (beyond > 0)[:, :, None]
        return pull, STIFFNESS * crossed.transpose(1, 2) @ crossed

    def beyond(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """How far each order is broken, (b, O), and its derivatives, (b, O, F); below 0 where kept."""
        found, slopes = [], []
        for border in self.borders:
            left = values @ border.left + border.left_offset
            right = values @ border.right + border.right_offset
            free_left, free_right = border.left[self.free], border.right[self.free]
            if border.log:
                left, right = left.clamp_min(1e-300), right.clamp_min(1e-300)
                found.append(left.log() - right.log())
                slopes.append(free_left / left[:, None] - free_right / right[:, None])
            else:
                found.append(left - right)
                slopes.append((free_left - free_right).expand(len(values), -1))
        return torch.stack(found, 1), torch.stack(slopes, 1)

    def _distance(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Distance from each prior's middle in widths, (b, K), and its derivative in the parameter."""
        value = values[:, self.indices]
        offset = value - self.mean
        turn = torch.where(self.period.isinf(), 0.0, self.period)
        offset = offset - (offset / self.period).round() * turn
        ratio = (value / torch.where(self.log, self.mean, 1.0)).clamp_min(0.0)
        distance = torch.where(self.log, ratio.log(), offset) / self.width
        slope = torch.where(self.log, 1.0 / value, 1.0) / self.width
        return distance, slope


@lru_cache(maxsize=64)
def knowledge(model: Model, device: torch.device) -> Knowledge:
    """The priors and orders of `model`, on that device."""
    matrix, offsets = (torch.as_tensor(array, dtype=torch.float64) for array in model.affine)
    parameters = model.parameters
    chosen = [i for i, p in enumerate(parameters) if p.prior is not None and p.prior.kind != "uniform"]
    priors = [parameters[i].prior for i in chosen]
    free = list(model.free)

    def tensor(values: list, kind: torch.dtype = torch.float64) -> Tensor:
        return torch.tensor(values, dtype=kind, device=device)

    return Knowledge(
        free=tensor(free, torch.long),
        indices=tensor(chosen, torch.long),
        mean=tensor([prior.mean for prior in priors if prior]),
        width=tensor([prior.width for prior in priors if prior]),
        log=tensor([prior.kind == "lognormal" for prior in priors if prior], torch.bool),
        period=tensor([model.turns[i] for i in chosen]),
        slopes=matrix[chosen][:, free].to(device),
        borders=tuple(_borders(model, matrix.to(device), offsets)),
    )


def _borders(model: Model, matrix: Tensor, offsets: Tensor):
    """One for each order, and for each limit of a prior on a tied parameter."""
    for order in model.orders:
        small, large = model.index(order.smaller), model.index(order.larger)
        log = all(_positive(model.parameters[i]) for i in (small, large))
        yield Border(
            matrix[small],
            float(offsets[small]),
            order.factor * matrix[large],
            order.factor * float(offsets[large]),
            log,
        )
    nothing = torch.zeros_like(matrix[0])
    for index, parameter in enumerate(model.parameters):
        if parameter.prior is None or parameter.tied is None:
            continue
        own, offset = matrix[index], float(offsets[index])
        low, high, log = parameter.prior.lower, parameter.prior.upper, _positive(parameter)
        if math.isfinite(low) and (low > 0 or not log):
            yield Border(nothing, low, own, offset, log)
        if math.isfinite(high):
            yield Border(own, offset, nothing, high, log and high > 0)


def _positive(parameter: Parameter) -> bool:
    """Whether a parameter is a size or an index, always above 0."""
    return parameter.scale == "log" and parameter.lower >= 0
