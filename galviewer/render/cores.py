"""Cusps: a chain of ever finer grids around each centre, brought to the pixel grid band-limited.

A partition of unity of smooth windows w_1 > w_2 > ... around the centre splits the brightness:
the pixel grid samples I (1 - w_1), fine grid k samples I (w_k - w_{k+1}), the last one I w_K.
The grids move with the centre, which lies between their samples. Only frequencies below the pixel
grid's Nyquist frequency matter afterwards, and a grid of small extent has few degrees of freedom
there: all levels are projected onto one short set of nodes by constant matrices, and only the nodes
are interpolated to pixels with the periodic (Dirichlet) kernel.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

_NODE_SPACING = 0.7
_NODE_REACH = 3.0


@dataclass(frozen=True)
class FineGrids:
    """The constant parts of the core treatment, in units of the pixel grid's spacing.

    Parameters
    ----------
    x, y : Tensor, (1, L * S * S)
        Sample positions relative to the centre, all levels one after the other.
    weight : Tensor, (1, L * S * S)
        Window times cell area.
    to_nodes : Tensor, (L, S, N)
        For each level, how a sample along one axis contributes to the N nodes.
    nodes : Tensor, (N,)
        Node positions relative to the centre.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    to_nodes: Tensor
    nodes: Tensor

    def project(self, planes: list[Tensor]) -> Tensor:
        """Weighted samples of Q planes, (B, L * S * S) each, to node values (B, Q, N, N), rows being y."""
        levels, samples, nodes = self.to_nodes.shape
        batch, count = len(planes[0]), len(planes)
        by_level = [plane.reshape(batch, levels, samples * samples).transpose(0, 1) for plane in planes]
        # One large product per level instead of many small ones.
        grids = torch.stack(by_level, dim=2).reshape(levels, batch * count * samples, samples)
        along_x = torch.bmm(grids, self.to_nodes).reshape(levels, batch * count, samples, nodes)
        stacked = along_x.transpose(0, 1).reshape(batch * count, levels * samples, nodes)
        found = torch.matmul(self.to_nodes.reshape(levels * samples, nodes).T, stacked)
        return found.reshape(batch, count, nodes, nodes)


@functools.lru_cache(maxsize=32)
def fine_grids(settings: RenderSettings, dtype: torch.dtype, device: torch.device) -> FineGrids:
    """The fine grids for these settings, on that device."""
    # Kept for the process: made in inference mode, they would be of no use to a later gradient.
    with torch.inference_mode(False):
        return _build_grids(settings, dtype, device)


def _build_grids(settings: RenderSettings, dtype: torch.dtype, device: torch.device) -> FineGrids:
    offsets, weights, projections = [], [], []
    nodes = _node_positions(settings.core_radius)
    for level in range(settings.core_levels):
        radius = settings.core_radius / settings.core_ratio**level
        step = 2.0 * radius / settings.core_samples
        along = (
            torch.arange(settings.core_samples, dtype=torch.float64) - 0.5 * (settings.core_samples - 1)
        ) * step
        y, x = torch.meshgrid(along, along, indexing="ij")
        r2 = x * x + y * y
        window = core_window(r2, radius, settings.core_inner)
        if level + 1 < settings.core_levels:
            window = window - core_window(r2, radius / settings.core_ratio, settings.core_inner)
        offsets.append(torch.stack((x.flatten(), y.flatten())))
        weights.append(window.flatten() * step**2)
        projections.append(_projection(along, nodes))
    x, y = torch.cat(offsets, dim=1)
    parts = (x[None], y[None], torch.cat(weights)[None], torch.stack(projections), nodes)
    return FineGrids(*(part.to(dtype=dtype, device=device).contiguous() for part in parts))


def core_window(r2: Tensor, radius: float | Tensor, inner: float) -> Tensor:
    """Smooth step in r^2: 1 inside ``inner * radius``, 0 outside `radius`, three derivatives continuous.

    Parameters
    ----------
    r2 : Tensor
        Squared distance from the centre, pixel^2.
    radius : float or Tensor
        Pixels; a tensor broadcasts against `r2`.
    inner : float
        Fraction of `radius`.
    """
    # Held above 0, where a square root has no derivative.
    t = (r2.clamp_min(1e-20).sqrt() * (1.0 / radius)).sub_(inner).mul_(1.0 / (1.0 - inner)).clamp_(0.0, 1.0)
    squared = t * t
    return 1.0 - squared * squared * (35.0 + t * (-84.0 + t * (70.0 - 20.0 * t)))


def dirichlet(grid: Tensor, position: Tensor, period: int) -> Tensor:
    """Periodic band-limited interpolation kernel of a grid with unit spacing and an even period.

    Parameters
    ----------
    grid : Tensor, (G,)
        Whole grid points.
    position : Tensor, (..., K)
        Where the interpolated samples lie, in grid spacings.
    period : int
        Number of grid points, even.

    Returns
    -------
    Tensor, (..., G, K)
        ``sin(pi t) / (period tan(pi t / period))`` at ``t = grid - position``, by addition theorems:
        sines and cosines of grid points and positions only.
    """
    a = (math.pi / period) * grid[:, None]
    b = (math.pi / period) * position[..., None, :]
    sin_a, cos_a, sin_b, cos_b = a.sin(), a.cos(), b.sin(), b.cos()
    sine = sin_a * cos_b - cos_a * sin_b
    cosine = cos_a * cos_b + sin_a * sin_b
    sign = 1.0 - 2.0 * (grid.remainder(2.0))[:, None]
    top = -sign * (torch.sin(math.pi * position)[..., None, :] / period)
    at_grid_point = sine.abs() < 1e-9
    return torch.where(at_grid_point, 1.0, top * cosine / torch.where(at_grid_point, 1.0, sine))


def dirichlet_slope(grid: Tensor, position: Tensor, period: int) -> Tensor:
    """Derivative of `dirichlet` with the position: the kernel's cosine sum term by term."""
    k = torch.arange(1, period // 2, dtype=position.dtype, device=position.device) * (2.0 * math.pi / period)
    distance = grid[:, None] - position[..., None, :]
    inner = torch.sin(distance[..., None] * k) @ k
    return (2.0 * inner + math.pi * torch.sin(math.pi * distance)) / period


def dense_positions(points: int, times: int, device: torch.device) -> Tensor:
    """Positions of `times` samples around each of that many grid points, in grid spacings, float64."""
    along = torch.arange(points * times, dtype=torch.float64, device=device)
    return (along + 0.5) / times - 0.5


@functools.lru_cache(maxsize=32)
def dense_projection(
    points: int, period: int, times: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Matrix (period, points * times) from dense samples to a periodic grid, keeping what it can hold."""
    with torch.inference_mode(False):
        grid = torch.arange(period, dtype=torch.float64, device=device)
        kernel = dirichlet(grid, dense_positions(points, times, device), period)
        return (kernel / times).to(dtype)


def _node_positions(radius: float) -> Tensor:
    """Evenly spaced nodes, a little denser than pixels and reaching a little beyond the window."""
    count = 2 * math.ceil((radius + _NODE_REACH) / _NODE_SPACING)
    return (torch.arange(count, dtype=torch.float64) - 0.5 * (count - 1)) * _NODE_SPACING


def _projection(samples: Tensor, nodes: Tensor) -> Tensor:
    """Matrix (S, N) with ``exp(ik samples) = matrix @ exp(ik nodes)`` for all |k| <= pi."""
    k = torch.linspace(0.0, math.pi, 8 * len(nodes), dtype=torch.float64)
    wave = torch.cat((torch.cos(nodes[None] * k[:, None]), torch.sin(nodes[None] * k[:, None])))
    target = torch.cat((torch.cos(samples[None] * k[:, None]), torch.sin(samples[None] * k[:, None])))
    left, singular, right = torch.linalg.svd(wave, full_matrices=False)
    kept = singular > 1e-8 * singular[0]
    return ((right[kept].T / singular[kept]) @ (left[:, kept].T @ target)).T.contiguous()
