"""Rendering under a PSF: point samples where brightness is smooth, fine grids at the cusps, one FFT."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from galviewer.conventions import mag_to_flux
from galviewer.model import Component
from galviewer.render.cores import (
    FineGrids,
    core_window,
    dense_positions,
    dense_projection,
    dirichlet,
    dirichlet_slope,
    fine_grids,
)
from galviewer.render.general import GeneralBrightness
from galviewer.render.layout import Layout, RenderedComponent
from galviewer.render.planes import Brightness, Slot, prepare
from galviewer.render.psf import PsfKind, plan_frame, transfer
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

_CORE_FINENESS = 6.0
"""Samples per pixel that the thin grids are good for, along each axis; twice those they have."""


class ConvolvedScene:
    """Images of one shape under given PSFs.

    Parameters
    ----------
    shape : (int, int)
        Image height and width, pixels.
    psf : Tensor, (B or 1, Ky, Kx)
        PSF stamps with sum 1; their dtype and device are those of the images.
    psf_kind : {"effective", "optical"}
        Whether the stamps contain the pixel's response.
    psf_oversample : int
        PSF samples per pixel.
    settings : RenderSettings
        Accuracy.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        psf: Tensor,
        psf_kind: PsfKind,
        psf_oversample: int,
        settings: RenderSettings,
    ) -> None:
        self.settings = settings
        self.dtype, self.device = psf.dtype, psf.device
        self.frame = plan_frame(shape, psf, psf_oversample, settings)
        self.transfer = transfer(psf, psf_oversample, psf_kind, self.frame)
        self.grids: FineGrids = fine_grids(settings, self.dtype, self.device)
        self.thin_settings = settings.for_thin()
        rows, columns = self.frame.filled
        fine, margin = self.frame.fine, self.frame.margin
        self.x = torch.arange(columns, dtype=torch.float64, device=self.device) / fine - margin
        self.y = torch.arange(rows, dtype=torch.float64, device=self.device) / fine - margin

    def select(self, rows: Tensor) -> ConvolvedScene:
        """The scene for some of its galaxies."""
        if len(self.transfer) == 1:
            return self
        chosen = object.__new__(ConvolvedScene)
        chosen.__dict__.update(self.__dict__)
        chosen.transfer = self.transfer[rows]
        return chosen

    def planes(self, layout: Layout, parameters: Tensor, zeropoint: Tensor, derivatives: bool) -> Tensor:
        """Convolved planes of all rendered components.

        Parameters
        ----------
        layout : Layout
            Which planes.
        parameters : Tensor, (B, P)
            In the vocabulary's units.
        zeropoint : Tensor, (B,)
            Magnitudes.
        derivatives : bool
            Whether the derivative planes are wanted, or the component images only.

        Returns
        -------
        Tensor, (B, Q, H, W)
        """
        count = layout.n_planes if derivatives else len(layout.rendered)
        if count == 0:  # a model of nothing but sky
            return torch.zeros(
                len(parameters), 0, self.frame.height, self.frame.width, dtype=self.dtype, device=self.device
            )
        padded = torch.zeros(
            len(parameters), count, self.frame.rows, self.frame.columns, dtype=self.dtype, device=self.device
        )
        for item in layout.rendered:
            component = layout.model.components[item.component]
            values = parameters[:, item.start : item.start + len(component.parameters)]
            if component.declaration.kind == "point":
                self._add_point(padded, component, item, values, zeropoint, derivatives)
            else:
                self._add_extended(padded, component, item, values, zeropoint, derivatives)
        transformed = torch.fft.rfft2(padded)
        transformed *= self.transfer[:, None]
        # One axis at a time, so that rows outside the image are dropped before the second transform.
        rows, columns = self.frame.image_slices
        kept = torch.fft.ifft(transformed, dim=-2)[..., rows, :]
        return torch.fft.irfft(kept, n=self.frame.columns, dim=-1)[..., columns]

    def _add_extended(
        self,
        padded: Tensor,
        component: Component,
        item: RenderedComponent,
        values: Tensor,
        zeropoint: Tensor,
        derivatives: bool,
    ) -> None:
        """Add one component's smooth part and core to its planes."""
        brightness, slots = prepare(component, item, values, zeropoint, derivatives)
        thin = self._is_thin(brightness)
        if isinstance(brightness, Brightness) and brightness.profile.detail is None:
            self._add_smooth(padded, brightness, slots, thin)
        else:
            self._add_smooth_finely(padded, brightness, slots, thin)
        if not bool(thin.any()):
            self._add_core(padded, brightness, slots, self.grids)
        else:
            refinement = self._refinement(brightness, thin)
            for times in refinement.unique().tolist():
                rows = torch.nonzero(refinement == times)[:, 0]
                grids = self.grids
                if times:
                    grids = fine_grids(self.settings.for_thin(times), self.dtype, self.device)
                if len(rows):
                    part = padded[rows]
                    self._add_core(part, brightness.select(rows), slots, grids)
                    padded[rows] = part

    def _is_thin(self, brightness: Brightness | GeneralBrightness) -> Tensor:
        """Which galaxies need the wider and denser grids, (B,) bool."""
        thin = torch.zeros(len(brightness.values), dtype=torch.bool, device=self.device)
        if brightness.profile.kind == "elliptical":
            q = brightness.value("q")
            thin = torch.minimum(q, 1.0 / q) < self.settings.thin_q
        if isinstance(brightness, GeneralBrightness):
            thin = thin | (brightness.fineness(self.settings) > 1)
        return thin

    def _refinement(self, brightness: Brightness | GeneralBrightness, thin: Tensor) -> Tensor:
        """0 for the usual grids, 1 for the thin ones, more for each doubling of structure thinner still."""
        if isinstance(brightness, Brightness):
            return thin.long()
        finer = brightness.fineness(self.settings) / _CORE_FINENESS
        return thin * finer.clamp_min(1.0).ceil().long()

    def _add_smooth(
        self, padded: Tensor, brightness: Brightness | GeneralBrightness, slots: list[Slot], thin: Tensor
    ) -> None:
        """Add what lies outside the core's window, sampled at the grid's points."""
        found = self._sample(brightness, thin, self.x, self.y)
        rows, columns = self.frame.filled
        for name, plane, factor in slots:
            padded[:, plane, :rows, :columns].add_(found[name], alpha=factor)

    def _add_smooth_finely(
        self, padded: Tensor, brightness: Brightness | GeneralBrightness, slots: list[Slot], thin: Tensor
    ) -> None:
        """The same with each galaxy sampled as densely as its thinnest structure asks for."""
        fineness = brightness.fineness(self.settings)
        for times in fineness.unique().tolist():
            for rows in torch.nonzero(fineness == times)[:, 0].split(1 if times > 1 else len(fineness)):
                part, chosen = padded[rows], brightness.select(rows)
                if times == 1:
                    self._add_smooth(part, chosen, slots, thin[rows])
                else:
                    self._add_dense(part, chosen, slots, thin[rows], times)
                padded[rows] = part

    def _add_dense(
        self,
        padded: Tensor,
        brightness: Brightness | GeneralBrightness,
        slots: list[Slot],
        thin: Tensor,
        times: int,
    ) -> None:
        """Samples `times` as dense along each axis, brought to the grid band-limited."""
        spacing = 1.0 / self.frame.fine
        along = [dense_positions(side, times, self.device) for side in self.frame.filled]
        y, x = (position * spacing - self.frame.margin for position in along)
        inside_y, inside_x = (_within(position, brightness, k) for position, k in ((y, 1), (x, 0)))
        y, x = y[inside_y], x[inside_x]
        found = self._sample(brightness, thin, x, y)
        sides = (self.frame.rows, self.frame.columns)
        to_rows, to_columns = (
            dense_projection(filled, side, times, self.dtype, self.device)
            for filled, side in zip(self.frame.filled, sides, strict=True)
        )
        for name, plane, factor in slots:
            spread = to_rows[:, inside_y] @ found[name] @ to_columns[:, inside_x].T
            padded[:, plane].add_(spread, alpha=factor)

    def _sample(
        self, brightness: Brightness | GeneralBrightness, thin: Tensor, x: Tensor, y: Tensor
    ) -> dict[str, Tensor]:
        """Planes outside the core's window at columns x and rows y, pixels; (B, Y, X) each."""
        dx, dy = self._offsets(brightness.values, x, y)
        narrow, wide = self.settings.core_radius, self.thin_settings.core_radius
        radius = torch.where(thin, wide, narrow) / self.frame.fine
        window = core_window(
            torch.addcmul(dy * dy, dx, dx), radius.to(self.dtype)[:, None, None], self.settings.core_inner
        )
        weight = (1.0 - window) * brightness.amplitude[:, None, None].to(self.dtype)
        return brightness.evaluate(dx, dy, weight)

    def _add_core(
        self,
        padded: Tensor,
        brightness: Brightness | GeneralBrightness,
        slots: list[Slot],
        grids: FineGrids,
    ) -> None:
        """Add what lies inside the window, from the fine grids."""
        scale = 1.0 / self.frame.fine
        weight = grids.weight * brightness.amplitude[:, None].to(self.dtype)
        found = brightness.evaluate(grids.x * scale, grids.y * scale, weight)
        nodes = grids.project([found[name] for name, _, _ in slots])
        along_y, along_x = self._interpolation(brightness.values, grids.nodes)
        spread = (along_y[:, None] @ nodes) @ along_x[:, None].transpose(-1, -2)
        for k, (_, plane, factor) in enumerate(slots):
            padded[:, plane].add_(spread[:, k], alpha=factor)

    def _add_point(
        self,
        padded: Tensor,
        component: Component,
        item: RenderedComponent,
        values: Tensor,
        zeropoint: Tensor,
        derivatives: bool,
    ) -> None:
        """Add a point source: its band-limited image is the interpolation kernel itself."""
        flux = (mag_to_flux(values[:, 2].double(), zeropoint) * self.frame.fine**2).to(self.dtype)
        here = torch.zeros(1, dtype=torch.float64, device=self.device)
        along_y, along_x = self._interpolation(values, here)
        along_y = along_y * flux[:, None, None]
        padded[:, item.image_plane].add_(along_y @ along_x.transpose(-1, -2))
        if not derivatives:
            return
        slope_y, slope_x = self._interpolation(values, here, slope=True)
        for part in item.parts:
            if part.parameter == "x":
                plane = along_y @ slope_x.transpose(-1, -2)
            else:
                plane = (slope_y * flux[:, None, None]) @ along_x.transpose(-1, -2)
            padded[:, part.plane].add_(plane, alpha=part.factor)

    def _offsets(self, values: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Distances of columns and rows from the centres: (B, 1, X), (B, Y, 1)."""
        dx = x - values[:, 0:1].double()
        dy = y - values[:, 1:2].double()
        return dx.to(self.dtype)[:, None, :], dy.to(self.dtype)[:, :, None]

    def _interpolation(self, values: Tensor, nodes: Tensor, slope: bool = False) -> tuple[Tensor, Tensor]:
        """Matrices from nodes (grid spacings from the centre) to rows and to columns of the padded grid.

        With `slope`, their derivative in the centre, per pixel. Zero for a centre outside the rendered
        part, which would otherwise come back in on the other side.
        """
        matrices = []
        inside = torch.ones(len(values), dtype=torch.bool, device=self.device)
        for k, length in ((1, self.frame.rows), (0, self.frame.columns)):
            centre = (values[:, k].double() + self.frame.margin) * self.frame.fine
            inside &= (centre > -0.5) & (centre < self.frame.filled[1 - k] - 0.5)
            grid = torch.arange(length, dtype=torch.float64, device=self.device)
            position = centre[:, None] + nodes.double()[None, :]
            if slope:
                kernel = self.frame.fine * dirichlet_slope(grid, position, length)
            else:
                kernel = dirichlet(grid, position, length)
            matrices.append(kernel)
        matrices = [(m * inside[:, None, None]).to(self.dtype) for m in matrices]
        return matrices[0], matrices[1]


def _within(position: Tensor, brightness: Brightness | GeneralBrightness, axis: int) -> slice:
    """The positions along one axis between which one galaxy has light."""
    reach = brightness.reach()
    if not math.isfinite(reach):
        return slice(0, len(position))
    centre = float(brightness.values[0, axis])
    ends = torch.tensor([centre - reach, centre + reach], dtype=position.dtype, device=position.device)
    first, last = torch.searchsorted(position, ends).tolist()
    return slice(max(first - 1, 0), min(last + 1, len(position)))
