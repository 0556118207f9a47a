"""Integrals over radius of profiles that bend or end somewhere: Gauss-Legendre rules on panels in ln r."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_REACH = (math.log(1e-12), math.log(1e5))
_PANELS = 136
_NODES = 16


def radial_panels(size: Tensor, breaks: Sequence[Tensor]) -> Tensor:
    """Edges of the panels, in ln r: evenly spaced, and one edge at each break.

    Parameters
    ----------
    size : Tensor, (B,)
        Length scale of the profile, pixels; panels reach from 1e-12 to 1e5 times it.
    breaks : sequence of Tensor, (B,)
        Radii (pixels) at which brightness is not smooth.

    Returns
    -------
    Tensor, (B, M)
        Sorted; carries no gradient, as no integral depends on where it is cut.
    """
    import torch

    even = torch.linspace(*_REACH, _PANELS + 1, dtype=size.dtype, device=size.device)
    start = size.detach().log()[..., None]
    inner = [b.detach().expand(size.shape).clamp_min(1e-30).log()[..., None] for b in breaks]
    edges = torch.cat((start + even, *inner), dim=-1)
    return edges.clamp(start + _REACH[0], start + _REACH[1]).sort(dim=-1).values


def panel_light(
    brightness: Callable[..., Tensor], edges: Tensor, shape: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Light of a circular profile, ``2 pi f r dr``, at the nodes of every panel.

    Parameters
    ----------
    brightness : callable
        ``brightness(r, *shape)``.
    edges : Tensor, (B, M)
        From `radial_panels`.
    shape : sequence of Tensor, (B,)
        Shape parameters.

    Returns
    -------
    r, f, light : Tensor, (B, (M - 1) * 16)
        Radii in rising order, relative brightness there, and each node's share of the total.
    """
    nodes, weights = _legendre(edges.device)
    half = 0.5 * edges.diff(dim=-1)[..., None]
    middle = 0.5 * (edges[..., 1:] + edges[..., :-1])[..., None]
    r = (middle + half * nodes.to(edges.dtype)).exp().flatten(-2)
    width = (half * weights.to(edges.dtype)).flatten(-2)
    f = brightness(r, *(s[..., None] for s in shape))
    return r, f, 2.0 * math.pi * r * r * f * width


def radial_total(
    brightness: Callable[..., Tensor], size: Tensor, breaks: Sequence[Tensor], shape: Sequence[Tensor]
) -> Tensor:
    """``2 pi int f r dr`` (pixel^2) with kinks only at the `breaks`, (B,); relative accuracy 1e-9.

    Parameters as in `radial_panels` and `panel_light`. A profile that falls to zero at its edge as
    ``(r_edge - r)^a`` with a < 1 is integrated to 1e-4 only: give such a one its closed form.
    """
    return panel_light(brightness, radial_panels(size, breaks), shape)[2].sum(-1)


def legendre(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Nodes and weights of a Gauss-Legendre rule on [-1, 1], float64.

    Parameters
    ----------
    count : int
        Number of nodes.
    device : torch.device
        Where they are wanted.
    """
    import numpy as np
    import torch

    nodes, weights = np.polynomial.legendre.leggauss(count)
    # Made in inference mode, they would be of no use to a later gradient.
    with torch.inference_mode(False):
        return torch.tensor(nodes, device=device), torch.tensor(weights, device=device)


@functools.cache
def _legendre(device: torch.device) -> tuple[Tensor, Tensor]:
    return legendre(_NODES, device)
