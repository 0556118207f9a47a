"""The least-squares problem of one batch: parameters to chi2, gradient and normal matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from galviewer.model import Model
from galviewer.render import PsfKind, Renderer, RenderSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the model for b galaxies.

    Parameters
    ----------
    chi2 : Tensor, (b,)
        Sum of squared weighted residuals; inf where the model is not finite.
    gradient : Tensor, (b, F)
        ``J^T W (data - model)``: half the downhill gradient of chi2 per unit of each free parameter.
    normal : Tensor, (b, F, F)
        ``J^T W J``, in the vocabulary's units. All float64.
    """

    chi2: Tensor
    gradient: Tensor
    normal: Tensor


@dataclass(frozen=True)
class Problem:
    """B galaxies of one shape, and the model that is fitted to them.

    Parameters
    ----------
    renderer : Renderer
        Draws the model on these galaxies.
    data, weight : Tensor, (B, H W)
        Pixels, and 1 / sigma (0 where a pixel is ignored).
    sky : Tensor, (K, H W)
        Basis planes of the sky parameters.
    to_columns : Tensor, (Q + K, F)
        How the Jacobian's columns are made of planes.
    """

    renderer: Renderer
    data: Tensor
    weight: Tensor
    sky: Tensor
    to_columns: Tensor

    @classmethod
    def of(
        cls,
        model: Model,
        image: Tensor,
        sigma: Tensor,
        mask: Tensor,
        psf: Tensor | None,
        zeropoint: Tensor,
        psf_kind: PsfKind = "effective",
        psf_oversample: int = 1,
        settings: RenderSettings | None = None,
    ) -> Problem:
        """The problem of fitting `model` to images (B, H, W) with sigma and mask of the same shape.

        Masked pixels may hold anything, NaN included; they count nowhere.
        """
        renderer = Renderer(
            model,
            (image.shape[-2], image.shape[-1]),
            psf,
            psf_kind,
            psf_oversample,
            zeropoint,
            settings,
            image.dtype,
            image.device,
        )
        weight = torch.where(mask, torch.zeros_like(sigma), 1.0 / sigma)
        data = torch.where(mask, torch.zeros_like(image), image)
        layout = renderer.layout
        to_columns = torch.zeros(layout.n_planes + len(layout.sky), len(layout.columns), dtype=torch.float64)
        for f, column in enumerate(layout.columns):
            for plane, factor in column:
                to_columns[plane, f] += factor
        sky = renderer.sky_planes().flatten(1)
        return cls(renderer, data.flatten(1), weight.flatten(1), sky, to_columns.to(image.device))

    def __len__(self) -> int:
        return len(self.data)

    @property
    def n_pixels(self) -> Tensor:
        """Pixels that count, (B,)."""
        return (self.weight > 0).sum(1)

    def select(self, rows: Tensor) -> Problem:
        """The problem of some of its galaxies."""
        return replace(
            self, renderer=self.renderer.select(rows), data=self.data[rows], weight=self.weight[rows]
        )

    def evaluate(self, values: Tensor) -> Evaluation:
        """Chi2, gradient and normal matrix at parameters (B, P), in the vocabulary's units."""
        layout = self.renderer.layout
        planes = self.renderer.planes(values).flatten(2)
        residual = self.data - planes[:, : len(layout.rendered)].sum(1)
        for k, term in enumerate(layout.sky):
            residual.addcmul_(values[:, term.parameter, None].to(residual.dtype), self.sky[k], value=-1.0)
        residual = residual.mul_(self.weight).double()
        count = layout.n_planes + len(layout.sky)
        weighted = torch.empty(
            len(values), count, self.data.shape[1], dtype=torch.float64, device=self.data.device
        )
        torch.mul(planes, self.weight[:, None], out=weighted[:, : layout.n_planes])
        if layout.sky:
            torch.mul(self.sky, self.weight[:, None], out=weighted[:, layout.n_planes :])
        chi2 = (residual * residual).sum(1)
        chi2 = torch.where(torch.isfinite(chi2), chi2, torch.inf)
        normal = self.to_columns.T @ (weighted @ weighted.transpose(1, 2)) @ self.to_columns
        gradient = (weighted @ residual[..., None])[..., 0] @ self.to_columns
        return Evaluation(chi2, gradient, normal)
