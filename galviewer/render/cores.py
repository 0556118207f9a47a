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

    def project(self, values: Tensor) -> Tensor:
        """Weighted samples (..., L * S * S) to node values (..., N, N), rows being y."""
        levels, samples, nodes = self.to_nodes.shape
        lead = values.shape[:-1]
        grids = values.reshape(-1, levels, samples, samples)
        along_x = torch.matmul(grids, self.to_nodes)
        stacked = along_x.reshape(-1, levels * samples, nodes)
        return torch.matmul(self.to_nodes.reshape(levels * samples, nodes).T, stacked).reshape(
            *lead, nodes, nodes
        )


@functools.lru_cache(maxsize=32)
def fine_grids(settings: RenderSettings, dtype: torch.dtype, device: torch.device) -> FineGrids:
    """The fine grids for these settings, on that device."""
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
    t = (r2.sqrt() * (1.0 / radius)).sub_(inner).mul_(1.0 / (1.0 - inner)).clamp_(0.0, 1.0)
    return 1.0 - t**4 * (35.0 + t * (-84.0 + t * (70.0 - 20.0 * t)))


def dirichlet(position: Tensor, period: int) -> Tensor:
    """Periodic band-limited interpolation kernel of a grid with unit spacing.

    Parameters
    ----------
    position : Tensor
        Distance from the grid point, in grid spacings.
    period : int
        Number of grid points.
    """
    angle = (math.pi / period) * position
    below = torch.tan(angle) if period % 2 == 0 else torch.sin(angle)
    at_grid_point = below.abs() < 1e-7
    kernel = torch.sin(math.pi * position) / (period * torch.where(at_grid_point, 1.0, below))
    return torch.where(at_grid_point, torch.cos(math.pi * position) * torch.cos(angle), kernel)


def dirichlet_slope(position: Tensor, period: int) -> Tensor:
    """Derivative of `dirichlet` with position, for an even period; the kernel's cosine sum term by term."""
    k = torch.arange(1, period // 2, dtype=position.dtype, device=position.device) * (2.0 * math.pi / period)
    inner = torch.sin(position[..., None] * k) @ k
    return (-2.0 * inner - math.pi * torch.sin(math.pi * position)) / period


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
