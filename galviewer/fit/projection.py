"""An axisymmetric body seen from a direction: emissivity on a grid of (R, z) to pixels, as one matrix.

Emissivity is given at the nodes of the grid, bilinear between them, zero outside, the same below the
plane as above. Lines of sight are sampled evenly; where there is a PSF, on a grid finer than the pixels
that is brought to them band-limited, as the renderer does it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from galviewer.errors import SettingsError
from galviewer.render import PsfKind, RenderSettings
from galviewer.render.cores import dirichlet
from galviewer.render.psf import plan_frame, transfer

_TIMES = 3
"""Sky positions per pixel along each axis."""
_STEP = 0.25
"""Distance of samples along the line of sight, pixels."""
_AT_ONCE = 1 << 21
"""Samples of the body handled at once."""


@dataclass(frozen=True)
class EmissivityGrid:
    """Nodes at which an axisymmetric emissivity is given.

    Parameters
    ----------
    radii : Tensor, (N_R,)
        Distances from the axis, pixels, rising from 0.
    heights : Tensor, (N_z,)
        Distances from the plane, pixels, rising from 0.
    """

    radii: Tensor
    heights: Tensor

    @classmethod
    def spaced(
        cls,
        r_max: float,
        z_max: float,
        n_radii: int = 40,
        n_heights: int = 26,
        finest: float = 0.4,
        device: torch.device | str = "cpu",
    ) -> EmissivityGrid:
        """A grid that is fine in the middle and widens outwards.

        Parameters
        ----------
        r_max, z_max : float
            Last nodes, pixels; the body ends there.
        n_radii, n_heights : int
            How many nodes, at least 3.
        finest : float
            Distance of the first two nodes, pixels; evenly spaced where the nodes are dense enough anyway.
        device
            Where the fit is to run.

        Raises
        ------
        SettingsError
            If the extent is not positive or there are fewer than 3 nodes.
        """
        if not (r_max > 0 and z_max > 0) or min(n_radii, n_heights) < 3:
            raise SettingsError(
                "emissivity grid",
                f"{n_radii} x {n_heights} nodes to {r_max} and {z_max} pixels",
                "positive extents and 3 nodes or more",
            )
        return cls(
            _widening(r_max, n_radii, finest).to(device), _widening(z_max, n_heights, finest).to(device)
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(N_R, N_z)."""
        return len(self.radii), len(self.heights)

    def volumes(self) -> Tensor:
        """Volume that each node stands for, both sides of the plane, pixel^3, (N_R, N_z).

        The sum of emissivity times volume is the total light.
        """
        r, z = self.radii, self.heights
        step_r, step_z = r.diff(), z.diff()
        ring = torch.zeros_like(r)
        # int 2 pi R (hat function) dR, exact.
        ring[:-1] += math.pi * step_r * (r[:-1] + step_r / 3.0)
        ring[1:] += math.pi * step_r * (r[:-1] + 2.0 * step_r / 3.0)
        slab = torch.zeros_like(z)
        slab[:-1] += step_z
        slab[1:] += step_z
        return ring[:, None] * slab


def _widening(last: float, count: int, finest: float) -> Tensor:
    """Nodes ``last sinh(a t)/sinh(a)``, t even in [0, 1], the first step being `finest`."""
    t = torch.linspace(0.0, 1.0, count, dtype=torch.float64)
    if finest * (count - 1) >= last:
        return last * t
    low, high = 1e-6, 50.0
    for _ in range(80):
        a = 0.5 * (low + high)
        if last * math.sinh(a / (count - 1)) / math.sinh(a) > finest:
            low = a
        else:
            high = a
    return last * torch.sinh(a * t) / math.sinh(a)


@dataclass(frozen=True)
class View:
    """Where an axisymmetric body lies and how it is seen.

    Parameters
    ----------
    x, y : float
        Centre, 0-based pixels.
    pa : float
        Position angle of the major axis, degrees counter-clockwise from +y.
    inclination : float
        Angle between the axis of symmetry and the line of sight, degrees: 0 face-on, 90 edge-on.
    """

    x: float
    y: float
    pa: float
    inclination: float

    def body(self, x: Tensor, y: Tensor, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Distances (n, L) from axis and plane of points at pixels x, y (n,) and depths (L,)."""
        angle, tilt = math.radians(self.pa), math.radians(self.inclination)
        dx, dy = x - self.x, y - self.y
        u = dy * math.cos(angle) - dx * math.sin(angle)
        v = dx * math.cos(angle) + dy * math.sin(angle)
        across = v[:, None] * math.cos(tilt) - depth * math.sin(tilt)
        height = v[:, None] * math.sin(tilt) + depth * math.cos(tilt)
        return torch.hypot(u[:, None], across), height.abs()


def projection_matrix(
    grid: EmissivityGrid,
    view: View,
    shape: tuple[int, int],
    psf: Tensor | None = None,
    psf_kind: PsfKind = "effective",
    psf_oversample: int = 1,
    settings: RenderSettings | None = None,
) -> Tensor:
    """The image of each node's emissivity.

    Parameters
    ----------
    grid : EmissivityGrid
        K = N_R N_z nodes.
    view : View
        Where the body lies and how it is seen.
    shape : (int, int)
        Image height and width, pixels.
    psf : Tensor, (Ky, Kx), optional
        PSF stamp; averages over pixels where it is None.
    psf_kind, psf_oversample
        As for `Renderer`.
    settings : RenderSettings, optional
        Accuracy of the PSF's frame.

    Returns
    -------
    Tensor, (H W, K), float32
        ``matrix @ emissivity.flatten()`` is the image, in image units, for an emissivity in image units
        per pixel^3.
    """
    device = grid.radii.device
    if psf is None:
        averages = [_averages(side).to(device) for side in shape]
        return _projected(grid, view, shape, averages, 1.0, 0.0).flatten(0, 1)
    stamp = psf.double().to(device)[None]
    stamp = stamp / stamp.sum()
    frame = plan_frame(shape, stamp, psf_oversample, settings or RenderSettings())
    low_pass = [
        _low_pass(filled, side).to(device)
        for filled, side in zip(frame.filled, (frame.rows, frame.columns), strict=True)
    ]
    drawn = _projected(grid, view, frame.filled, low_pass, 1.0 / frame.fine, float(frame.margin))
    response = transfer(stamp, psf_oversample, psf_kind, frame)[0].to(torch.complex64)
    rows, columns = frame.image_slices
    found = torch.empty(*shape, drawn.shape[-1], device=device)
    for chosen in torch.arange(drawn.shape[-1], device=device).split(128):
        planes = drawn[..., chosen].movedim(-1, 0)
        blurred = torch.fft.irfft2(torch.fft.rfft2(planes) * response, s=(frame.rows, frame.columns))
        found[..., chosen] = blurred[:, rows, columns].movedim(0, -1)
    return found.flatten(0, 1)


def _averages(side: int) -> Tensor:
    """Matrix (side, side * _TIMES) that averages over pixels."""
    return torch.eye(side).repeat_interleave(_TIMES, dim=1) / _TIMES


def _low_pass(points: int, period: int) -> Tensor:
    """Matrix (period, points * _TIMES) from fine samples to a periodic grid, keeping what it can hold."""
    grid = torch.arange(period, dtype=torch.float64)
    return (dirichlet(grid, _fine(points), period) / _TIMES).float()


def _fine(points: int) -> Tensor:
    """Positions of the fine samples, in spacings of the grid of that many points."""
    return (torch.arange(points * _TIMES, dtype=torch.float64) + 0.5) / _TIMES - 0.5


def _projected(
    grid: EmissivityGrid,
    view: View,
    points: tuple[int, int],
    to_grid: list[Tensor],
    spacing: float,
    margin: float,
) -> Tensor:
    """All nodes' surface brightness on a grid, (Y, X, K), from fine samples by one matrix per axis."""
    device = grid.radii.device
    y, x = (_fine(side).to(device) * spacing - margin for side in points)
    reach = math.hypot(float(grid.radii[-1]), float(grid.heights[-1]))
    count = math.ceil(2.0 * reach / _STEP)
    depth = (torch.arange(count, dtype=torch.float64, device=device) + 0.5) * (2.0 * reach / count) - reach
    nodes = grid.radii.numel() * grid.heights.numel()
    found = torch.zeros(to_grid[0].shape[0], to_grid[1].shape[0], nodes, device=device)
    for rows in torch.arange(len(y), device=device).split(max(1, _AT_ONCE // (len(x) * count))):
        there_y, there_x = torch.meshgrid(y[rows], x, indexing="ij")
        fine = _along_sight(grid, view, there_x.flatten(), there_y.flatten(), depth)
        in_x = torch.einsum("px,yxk->ypk", to_grid[1], fine.reshape(len(rows), len(x), nodes))
        found += torch.einsum("qy,ypk->qpk", to_grid[0][:, rows], in_x)
    return found


def _along_sight(grid: EmissivityGrid, view: View, x: Tensor, y: Tensor, depth: Tensor) -> Tensor:
    """Line integral of every node's hat function at n sky positions, (n, K) float32."""
    radius, height = view.body(x, y, depth)
    inside = (radius < grid.radii[-1]) & (height < grid.heights[-1])
    point, _ = torch.nonzero(inside, as_tuple=True)
    k, share_r = _between(grid.radii, radius[inside])
    m, share_z = _between(grid.heights, height[inside])
    n_heights = len(grid.heights)
    nodes = len(grid.radii) * n_heights
    corner = point * nodes + k * n_heights + m
    out = torch.zeros(len(x) * nodes, device=x.device)
    step = float(depth[1] - depth[0])
    for shift, share in (
        (0, (1 - share_r) * (1 - share_z)),
        (1, (1 - share_r) * share_z),
        (n_heights, share_r * (1 - share_z)),
        (n_heights + 1, share_r * share_z),
    ):
        out.index_add_(0, corner + shift, (share * step).float())
    return out.reshape(len(x), nodes)


def _between(nodes: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Index of the node below each value, and how far it is on the way to the next."""
    below = torch.bucketize(values, nodes, right=True).sub_(1).clamp_(0, len(nodes) - 2)
    low = nodes[below]
    return below, (values - low) / (nodes[below + 1] - low)
