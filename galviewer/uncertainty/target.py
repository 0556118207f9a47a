"""The posterior that samplers walk on: free parameters of G galaxies to ln probability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.errors import SettingsError
from galviewer.fit import Problem
from galviewer.model import Model
from galviewer.uncertainty.covariance import covariance

if TYPE_CHECKING:
    from torch import Tensor

_LARGEST_BATCH = {"cpu": 64, "cuda": 2048}
Ranges = Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Target:
    """Posterior of the free parameters, flat within their bounds times the model's priors.

    Parameters
    ----------
    problem : Problem
        G galaxies.
    best : Tensor, (G, P)
        Their best fits.
    free : Tensor of int, (F,)
        Indices of the free parameters among P.
    lower, upper : Tensor, (G, F)
        Where the posterior ends: bounds of parameters, priors and galaxies; for an angle its turn
        around the best fit, which is all there is.
    matrix, offset : Tensor, (P, P), (P,)
        ``matrix @ values + offset`` fills in the ties.
    """

    problem: Problem
    best: Tensor
    free: Tensor
    lower: Tensor
    upper: Tensor
    matrix: Tensor
    offset: Tensor

    @classmethod
    def of(cls, problem: Problem, best: Tensor, ranges: Ranges | None = None) -> Target:
        """The posterior of every galaxy of a problem around its best fit.

        Parameters
        ----------
        problem : Problem
            G galaxies.
        best : Tensor, (G, P)
            Their best fits.
        ranges : mapping, optional
            Tighter limits of free parameters by ``component_parameter``.

        Raises
        ------
        SettingsError
            If `ranges` names a parameter that is not free.
        """
        model, device = problem.renderer.model, problem.data.device
        best = best.to(device=device, dtype=torch.float64)
        free = torch.tensor(model.free, dtype=torch.long, device=device)
        lower, upper = _limits(model, ranges or {})
        low = torch.tensor(lower, dtype=torch.float64, device=device).repeat(len(best), 1)
        high = torch.tensor(upper, dtype=torch.float64, device=device).repeat(len(best), 1)
        own = problem.bounds
        if own is not None:
            low, high = (
                torch.maximum(low, own[0][:, free].to(low)),
                torch.minimum(high, own[1][:, free].to(high)),
            )
        for f in angles(model):
            reach = 0.5 * model.turns[model.free[f]]
            low[:, f] = torch.maximum(low[:, f], best[:, free[f]] - reach)
            high[:, f] = torch.minimum(high[:, f], best[:, free[f]] + reach)
        matrix, offset = (torch.as_tensor(a, dtype=torch.float64, device=device) for a in model.affine)
        return cls(problem, best, free, low, high, matrix, offset)

    @property
    def model(self) -> Model:
        """What was fitted."""
        return self.problem.renderer.model

    def values(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """All parameters (N, P) for free ones (N, F) of galaxies `rows` (N,)."""
        values = self.best[rows].clone()
        values[:, self.free] = chosen
        return values @ self.matrix.T + self.offset

    def log_probability(self, rows: Tensor, chosen: Tensor) -> Tensor:
        """Ln of likelihood times prior, up to a constant; -inf beyond the limits.

        Parameters
        ----------
        rows : Tensor of int, (N,)
            Which galaxy each row is about.
        chosen : Tensor, (N, F)
            Free parameters.

        Returns
        -------
        Tensor, (N,) float64
        """
        found = torch.full((len(rows),), -math.inf, dtype=torch.float64, device=chosen.device)
        inside = (chosen >= self.lower[rows]) & (chosen <= self.upper[rows]) & chosen.isfinite()
        allowed = torch.nonzero(inside.all(1))[:, 0]
        size = _LARGEST_BATCH.get(chosen.device.type, 64)
        for part in torch.split(allowed, size):
            values = self.values(rows[part], chosen[part])
            cost = self.problem.select(rows[part]).cost(values).double()
            found[part] = torch.where(cost.isfinite(), -0.5 * cost, -math.inf)
        return found

    def spread(self) -> Tensor:
        """A square root of the covariance of the free parameters of each galaxy, (G, F, F).

        Directions that the data do not determine get a width of a thousandth of the value.
        """
        normal = self.problem.information(self.best)
        held = torch.zeros(normal.shape[:2], dtype=torch.bool, device=normal.device)
        matrix = covariance(self.model, normal, held).matrix
        variance = matrix.diagonal(dim1=1, dim2=2)
        unknown = ~variance.isfinite()
        rough = 1e-3 * self.best[:, self.free].abs().clamp_min(1.0)
        matrix = matrix.masked_fill(unknown[:, :, None] | unknown[:, None, :], 0.0)
        matrix = matrix + torch.diag_embed(torch.where(unknown, rough**2, 0.0))
        factor, failed = torch.linalg.cholesky_ex(matrix)
        simple = torch.diag_embed(torch.where(unknown, rough, variance.abs().sqrt()))
        return torch.where((failed > 0)[:, None, None], simple, factor)

    def scattered(self, walkers: int, generator: torch.Generator) -> Tensor:
        """Points around the best fits, drawn from the covariance, inside the limits; (G, walkers, F)."""
        count = len(self.free)
        normal = torch.randn(len(self.best), walkers, count, dtype=torch.float64, generator=generator)
        step = normal.to(self.best.device) @ self.spread().transpose(1, 2)
        low, high = self.lower[:, None], self.upper[:, None]
        place = self.best[:, None, self.free] + step
        # Mirrored, not moved onto the limit: an ensemble that lies in a plane can never leave it.
        place = torch.where(place < low, 2.0 * low - place, place)
        place = torch.where(place > high, 2.0 * high - place, place)
        return place.clamp(low, high)


def angles(model: Model) -> list[int]:
    """Positions among the free parameters of those with a period of half a turn."""
    return [f for f, index in enumerate(model.free) if model.parameters[index].scale == "angle"]


def _limits(model: Model, ranges: Ranges) -> tuple[list[float], list[float]]:
    """Bounds of the free parameters, tightened by their priors' limits and by `ranges`."""
    given = {model.index(column): limits for column, limits in ranges.items()}
    for index, limits in given.items():
        if index not in model.free or not limits[0] < limits[1]:
            raise SettingsError(
                "ranges", f"{model.columns[index]}: {limits}", "lower < upper of a free parameter"
            )
    lower, upper = [], []
    for index in model.free:
        parameter = model.parameters[index]
        low, high = given.get(index, (-math.inf, math.inf))
        low, high = max(low, parameter.lower), min(high, parameter.upper)
        if parameter.prior is not None:
            low, high = max(low, parameter.prior.lower), min(high, parameter.prior.upper)
        lower.append(low)
        upper.append(high)
    return lower, upper
