"""Start values over the plausible range, with the amplitudes that suit the pixels best.

The same random numbers for every galaxy: what one gets does not depend on its batch.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from galviewer.conventions import MAG_PER_LN_FLUX

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.problem import Problem
    from galviewer.model import Model

_INDICES = (0.7, 1.5, 4.0)
_TOGETHER = 5.0
"""Components whose centres lie within this distance (pixels) of the first one's move with it."""
_CONCENTRIC = 1.0
"""Distance of centres (pixels) below which components are parts of one object."""

_FAINTEST, _BRIGHTEST = 1e-3, 1e6
"""Factors by which an amplitude may change when it is settled."""


def draw(problem: Problem, starts: Tensor, count: int, seed: int) -> Tensor:
    """Start values, the first of each galaxy the given ones.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    starts : Tensor, (B, P)
        In the vocabulary's units.
    count : int
        K, per galaxy.
    seed : int
        Of the random numbers.

    Returns
    -------
    Tensor, (B, K, P)
        Half of them lie at the given centre, half at the brightest peak; sizes log-uniform from one pixel
        to a fifth of the image (all of a model by one factor), Sersic indices 0.7, 1.5 and 4 in turn,
        angles in steps of 45 degrees, axis ratios from 0.3 to 0.95; others within a fifth of their range.
        In every other pair of them components about the same centre are put in order, from the inside out.
    """
    model = problem.renderer.model
    generator = torch.Generator().manual_seed(seed)
    drawn = starts.double()[:, None].repeat(1, count, 1)
    shift = _shift(problem, starts, model)
    order = torch.arange(count, device=drawn.device)
    drawn[:, order % 4 >= 2] = _inside_out(drawn[:, :1], model)
    scale = _scale(problem, drawn, model, generator)
    for index, parameter in enumerate(model.parameters):
        chance = torch.rand(count, generator=generator, dtype=torch.float64).to(drawn.device)
        if not parameter.free:
            continue
        begun = drawn[:, :, index]
        if parameter.name in ("x", "y"):
            found = begun + torch.where(order % 2 == 1, 1.0, 0.0) * shift[:, index, None]
        elif parameter.name == "mag":
            continue
        elif parameter.unit == "pixel" and parameter.scale == "log":
            found = begun.clamp_min(1e-3) * scale
        elif parameter.name == "n":
            found = torch.tensor([_INDICES[k % 3] for k in range(count)]).to(begun).expand_as(begun)
        elif parameter.name == "q":
            found = (0.3 + 0.65 * chance).expand_as(begun)
        elif parameter.scale == "angle":
            found = begun + 45.0 * order
        else:
            width = parameter.upper - parameter.lower
            found = begun + (0.4 * (chance - 0.5) * width if math.isfinite(width) else 0.0)
            found = found.clamp(parameter.lower, parameter.upper)
        drawn[:, 1:, index] = found[:, 1:]
    return drawn


def settle(problem: Problem, values: Tensor) -> Tensor:
    """The same with the magnitudes and skies that fit the pixels best; one evaluation.

    Parameters
    ----------
    problem : Problem
        B galaxies.
    values : Tensor, (B, P)
        In the vocabulary's units; moved into their bounds.
    """
    space, model = problem.space, problem.renderer.model
    place = space.from_values(values)
    values = space.to_values(place, values)
    columns = [f for f, index in enumerate(model.free) if model.parameters[index].name == "mag"]
    if not columns:
        return values
    found = problem.evaluate(values)
    normal, gradient = found.normal[:, columns][:, :, columns], found.gradient[:, columns]
    diagonal = normal.diagonal(dim1=1, dim2=2)
    ridge = torch.diag_embed(torch.where(diagonal > 0, 1e-6 * diagonal, 1.0))
    move = torch.linalg.solve_ex(normal + ridge, gradient)[0]
    factor = (1.0 + torch.nan_to_num(move) / MAG_PER_LN_FLUX).clamp(_FAINTEST, _BRIGHTEST)
    settled = values.clone()
    chosen = [model.free[f] for f in columns]
    settled[:, chosen] = values[:, chosen] + MAG_PER_LN_FLUX * factor.log()
    return space.to_values(space.from_values(settled), settled)


def _shift(problem: Problem, starts: Tensor, model: Model) -> Tensor:
    """From the first component's centre to the brightest peak, (B, P), for all components near it."""
    shift = torch.zeros_like(starts, dtype=torch.float64)
    pairs = [
        (s.start, s.start + 1)
        for s in model.component_slices.values()
        if [p.name for p in model.parameters[s][:2]] == ["x", "y"]
    ]
    if not pairs:
        return shift
    height, width = problem.renderer.shape
    used = problem.weight.reshape(-1, 1, height, width).double().square()
    light = problem.data.reshape(-1, 1, height, width).double() * used
    mean = torch.nn.functional.avg_pool2d(torch.cat((light, used), 1), 5, 1, 2)
    contrast = mean[:, 0] / mean[:, 1].clamp_min(1e-300).sqrt()
    peak = contrast.flatten(1).argmax(1)
    first = starts[:, list(pairs[0])].double()
    away = torch.stack((peak % width, peak // width), 1) - first
    for x, y in pairs:
        near = ((starts[:, [x, y]] - first).norm(dim=1) <= _TOGETHER)[:, None]
        shift[:, [x, y]] = torch.where(near, away, 0.0)
    return torch.nan_to_num(shift)


def exchanged(model: Model, values: Tensor) -> dict[tuple[int, int], Tensor]:
    """Pairs of columns r_eff of components about the same centre, and where the earlier one is larger.

    Templates go from the inside out; a disk inside its bulge is the other minimum of their sum.
    """
    places = []
    for part in model.component_slices.values():
        own = {p.name: part.start + k for k, p in enumerate(model.parameters[part])}
        if {"x", "y", "r_eff"} <= own.keys():
            places.append(([own["x"], own["y"]], own["r_eff"]))
    found = {}
    for (centre, i), (other, j) in combinations(places, 2):
        apart = (values[..., centre] - values[..., other]).norm(dim=-1)
        found[i, j] = (apart < _CONCENTRIC) & (values[..., i] > values[..., j])
    return found


def _inside_out(values: Tensor, model: Model) -> Tensor:
    """The same (..., P) with free sizes about the same centre in ascending order."""
    ordered = values.clone()
    for i, j in exchanged(model, values):
        if i in model.free and j in model.free:
            where = exchanged(model, ordered)[i, j][..., None]
            both = ordered[..., [i, j]]
            ordered[..., [i, j]] = torch.where(where, both.flip(-1), both)
    return ordered


def _scale(problem: Problem, drawn: Tensor, model: Model, generator: torch.Generator) -> Tensor:
    """Factor of all lengths, (B, K), that brings the first one of (B, K, P) to a drawn size."""
    count = drawn.shape[1]
    stratum = torch.randperm(count, generator=generator).double()
    chance = (stratum + torch.rand(count, generator=generator, dtype=torch.float64)) / count
    sizes = [
        i for i in model.free if model.parameters[i].unit == "pixel" and model.parameters[i].scale == "log"
    ]
    if not sizes:
        return torch.ones_like(drawn[:, :, 0])
    largest = max(0.2 * min(problem.renderer.shape), 2.0)
    wanted = largest**chance
    return wanted.to(drawn.device) / drawn[:, :, sizes[0]].clamp_min(1e-3)
