"""Rendering without a PSF: brightness averaged over each pixel, by cells split where it changes fast.

Every pixel is a cell. A cell is split in four while it is large compared with the distance over which
the profile changes there; what remains is integrated with a 3 x 3 Gauss-Legendre rule. Cells of
different galaxies are padded to one length, so that a galaxy's image does not depend on its neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.errors import ModelError
from galviewer.model import Component
from galviewer.profiles import with_derivatives
from galviewer.render.general import GeneralBrightness
from galviewer.render.layout import Layout, RenderedComponent
from galviewer.render.planes import Brightness, prepare
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

_CHUNK = 4
"""Galaxies drawn at once; nine samples per pixel and plane make a larger batch slower, not faster."""
_STEEPEST = 2.0
"""Change of ln(brightness) across a cell that the Gauss-Legendre rule still integrates to 1e-5."""
_CREASE = 6e-3
"""Change of ln(brightness) across a cell due to the crease of a disky profile along its axes."""
_CONTRAST = 8.0
"""Ratio of brightness within a cell of a planar or modified profile that asks for smaller cells."""
_CENTRE_CELL = 2.0**-8
"""Side, pixels, down to which cells at such a profile's centre are split in any case."""
_DISAGREEMENT = 1e-4
"""Difference of two rules on a cell of such a profile, of its pixel's light, that does so."""
_FAINT_GENERAL = 1e-6
"""Share of the light of the brightest pixel, or of the own, below which contrast no longer matters."""
_FAINTEST = 1e-10
"""Brightness relative to the galaxy's brightest pixel below which steepness no longer matters."""


@dataclass(frozen=True)
class _Cells:
    """Square cells of one size: centres relative to the galaxy's centre, their pixel, whether they exist."""

    dx: Tensor
    dy: Tensor
    pixel: Tensor
    exists: Tensor
    side: float


class PixelScene:
    """Pixel-averaged images of one shape.

    Parameters
    ----------
    shape : (int, int)
        Image height and width, pixels.
    settings : RenderSettings
        Accuracy.
    dtype, device
        Of the images.
    """

    def __init__(
        self, shape: tuple[int, int], settings: RenderSettings, dtype: torch.dtype, device: torch.device
    ) -> None:
        self.shape, self.settings, self.dtype, self.device = shape, settings, dtype, device

    def select(self, rows: Tensor) -> PixelScene:
        """The scene for some of its galaxies: the same for all."""
        del rows
        return self

    def planes(self, layout: Layout, parameters: Tensor, zeropoint: Tensor, derivatives: bool) -> Tensor:
        """Pixel-averaged planes of all rendered components; as `ConvolvedScene.planes`.

        Raises
        ------
        ModelError
            If the model has a point source.
        """
        count = layout.n_planes if derivatives else len(layout.rendered)
        out = torch.zeros(len(parameters), count, *self.shape, dtype=self.dtype, device=self.device)
        for item in layout.rendered:
            component = layout.model.components[item.component]
            if component.declaration.kind == "point":
                raise ModelError(
                    f"component {component.name!r}",
                    "is a point source but there is no PSF",
                    "a PSF",
                    "give one",
                )
            values = parameters[:, item.start : item.start + len(component.parameters)]
            for first in range(0, len(parameters), _CHUNK):
                rows = slice(first, first + _CHUNK)
                self._add(out[rows].flatten(2), component, item, values[rows], zeropoint[rows], derivatives)
        return out

    def _add(
        self,
        out: Tensor,
        component: Component,
        item: RenderedComponent,
        values: Tensor,
        zeropoint: Tensor,
        derivatives: bool,
    ) -> None:
        """Add one component to its planes, level by level."""
        brightness, slots = prepare(component, item, values, zeropoint, derivatives)
        amplitude = brightness.amplitude[:, None]
        cells, brightest = self._pixels(values), None
        for depth in range(self.settings.pixel_depth + 1):
            split, brightest = self._to_split(brightness, cells, brightest)
            if depth == self.settings.pixel_depth:
                split = torch.zeros_like(split)
            kept = cells.exists & ~split
            dx, dy, weight = _gauss_legendre(cells, kept * amplitude)
            found = brightness.evaluate(dx.to(self.dtype), dy.to(self.dtype), weight.to(self.dtype))
            for name, plane, factor in slots:
                per_cell = found[name].unflatten(1, (-1, 9)).sum(-1)
                out[:, plane].scatter_add_(1, cells.pixel, per_cell * factor)
            if not bool(split.any()):
                return
            cells = _children(cells, split)

    def _pixels(self, values: Tensor) -> _Cells:
        """All pixels of all galaxies as cells."""
        height, width = self.shape
        y, x = torch.meshgrid(
            torch.arange(height, dtype=torch.float64, device=self.device),
            torch.arange(width, dtype=torch.float64, device=self.device),
            indexing="ij",
        )
        dx = x.flatten()[None] - values[:, 0:1].double()
        dy = y.flatten()[None] - values[:, 1:2].double()
        pixel = torch.arange(height * width, device=self.device).expand(len(values), -1)
        return _Cells(dx, dy, pixel, torch.ones_like(dx, dtype=torch.bool), 1.0)

    def _to_split(
        self, brightness: Brightness | GeneralBrightness, cells: _Cells, brightest: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Which cells are too large for the quadrature rule; and the brightest pixel's brightness."""
        if isinstance(brightness, GeneralBrightness):
            return _to_split_general(brightness, cells, brightest)
        u, v, r2, shape = brightness.points(cells.dx, cells.dy)
        r = r2.sqrt()
        f, r_df_dr, _ = with_derivatives(brightness.profile, r, *shape)
        if brightest is None:
            brightest = f.amax(1, keepdim=True)
        scale = brightness.value("q").double()[:, None] * r
        slope = r_df_dr.abs() / f.clamp_min(1e-300)
        rough = slope * cells.side > _STEEPEST * scale
        if brightness.superelliptical:
            boxiness = brightness.value("boxiness").double()[:, None]
            on_axis = torch.minimum(u.abs(), v.abs()) < 0.75 * cells.side
            crease = slope * boxiness.clamp_max(0.0).abs() * (cells.side / scale) ** (boxiness + 2.0)
            rough |= on_axis & (crease > _CREASE)
        rough &= f > _FAINTEST * brightest
        return cells.exists & ((cells.side > self.settings.pixel_fineness * scale) | rough), brightest


def _to_split_general(
    brightness: GeneralBrightness, cells: _Cells, pixels: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Where the rule disagrees with one of four points, or brightness varies greatly; and the pixels' own.

    The disagreement may be `_DISAGREEMENT` of the pixel's brightness, or of a thousandth of the peak's.
    """
    nodes, shares = _nine_points(cells)
    half = cells.side * 0.5 / math.sqrt(3.0)
    corners = cells.dx.new_tensor([-half, half])
    dx = torch.cat((nodes[0], cells.dx[..., None] + corners.repeat(2)), -1)
    dy = torch.cat((nodes[1], cells.dy[..., None] + corners.repeat_interleave(2)), -1)
    f = brightness.image(dx.flatten(1), dy.flatten(1), dx.new_ones(1)).unflatten(1, dx.shape[1:])
    mean = (f[..., :9] * shares).sum(-1) / cells.side**2
    if pixels is None:
        pixels = mean
    peak = pixels.amax(1, keepdim=True)
    own = pixels.gather(1, cells.pixel)
    wrong = (mean - f[..., 9:].mean(-1)).abs() * cells.side**2
    lowest, highest = f.amin(-1), f.amax(-1)
    steep = (highest > _CONTRAST * lowest) & (highest > _FAINT_GENERAL * peak)
    worth = highest * cells.side**2 > _FAINT_GENERAL * torch.maximum(own, 1e-3 * peak)
    rough = wrong > _DISAGREEMENT * torch.maximum(own, 1e-3 * peak)
    # A cusp may lie so that the two rules agree.
    near = torch.maximum(cells.dx.abs(), cells.dy.abs()) < 0.75 * cells.side
    return cells.exists & (rough | (steep & worth) | (near & (cells.side > _CENTRE_CELL))), pixels


def _nine_points(cells: _Cells) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """The rule's points, (B, M, 9) along x and along y, and their weights (9,)."""
    node = 0.5 * math.sqrt(0.6)
    along = torch.tensor([-node, 0.0, node], dtype=torch.float64, device=cells.dx.device) * cells.side
    share = torch.tensor([5.0, 8.0, 5.0], dtype=torch.float64, device=cells.dx.device) / 18.0 * cells.side
    dx = cells.dx[..., None] + along.repeat(3)
    dy = cells.dy[..., None] + along.repeat_interleave(3)
    return (dx, dy), share.repeat(3) * share.repeat_interleave(3)


def _gauss_legendre(cells: _Cells, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nine points per cell and their weights, each (B, 9 M), the nine of a cell side by side."""
    (dx, dy), share = _nine_points(cells)
    shares = weight[..., None] * share
    return dx.flatten(1), dy.flatten(1), shares.flatten(1)


def _children(cells: _Cells, split: Tensor) -> _Cells:
    """The four quarters of every split cell, packed to the front of each galaxy's row."""
    longest = int(split.sum(1).max())
    order = torch.argsort(split.to(torch.uint8), dim=1, descending=True, stable=True)[:, :longest]
    exists = split.gather(1, order)
    quarter = 0.25 * cells.side
    dx = cells.dx.gather(1, order)[..., None] + quarter * cells.dx.new_tensor([-1.0, 1.0, -1.0, 1.0])
    dy = cells.dy.gather(1, order)[..., None] + quarter * cells.dy.new_tensor([-1.0, -1.0, 1.0, 1.0])
    pixel = cells.pixel.gather(1, order)[..., None].expand_as(dx)
    return _Cells(
        dx.flatten(1),
        dy.flatten(1),
        pixel.flatten(1),
        exists[..., None].expand_as(dx).flatten(1),
        0.5 * cells.side,
    )
