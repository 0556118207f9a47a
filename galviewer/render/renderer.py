"""From parameters to images and derivative planes, for a batch of galaxies of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from galviewer.model import Model
from galviewer.profiles import sky_basis
from galviewer.render.convolved import ConvolvedScene
from galviewer.render.layout import Layout, layout
from galviewer.render.pixels import PixelScene
from galviewer.render.psf import PsfKind
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor


class Renderer:
    """Draws a model on the pixels of B galaxies of one shape.

    Parameters
    ----------
    model : Model
        What is drawn.
    shape : (int, int)
        Image height and width, pixels.
    psf : Tensor, (B or 1, Ky, Kx), optional
        PSF stamps with sum 1; None draws the model averaged over the pixels.
    psf_kind : {"effective", "optical"}
        Whether the stamps contain the pixel's response (survey PSFs do).
    psf_oversample : int
        PSF samples per pixel.
    zeropoint : Tensor, (B or 1,), optional
        Magnitude of one image unit of flux; 0 when omitted.
    settings : RenderSettings
        Accuracy.
    dtype, device
        Of the images; parameters may come in any precision.
    """

    def __init__(
        self,
        model: Model,
        shape: tuple[int, int],
        psf: Tensor | None = None,
        psf_kind: PsfKind = "effective",
        psf_oversample: int = 1,
        zeropoint: Tensor | None = None,
        settings: RenderSettings | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        settings = settings or RenderSettings()
        self.model = model
        self.shape = shape
        self.dtype = dtype
        self.device = torch.device(device)
        if zeropoint is None:
            zeropoint = torch.zeros(1)
        self.zeropoint = zeropoint.to(device=self.device, dtype=torch.float64).reshape(-1)
        self.layout: Layout = layout(model)
        self.scene: ConvolvedScene | PixelScene
        if psf is None:
            self.scene = PixelScene(shape, settings, dtype, self.device)
        else:
            stamps = psf.to(device=self.device, dtype=dtype)
            stamps = stamps if stamps.dim() == 3 else stamps[None]
            self.scene = ConvolvedScene(shape, stamps, psf_kind, psf_oversample, settings)

    def select(self, rows: Tensor) -> Renderer:
        """The renderer for some of its galaxies.

        Parameters
        ----------
        rows : Tensor of int, (b,)
            Which galaxies of the batch.
        """
        chosen = object.__new__(Renderer)
        chosen.__dict__.update(self.__dict__)
        chosen.zeropoint = self.zeropoint if len(self.zeropoint) == 1 else self.zeropoint[rows]
        chosen.scene = self.scene.select(rows)
        return chosen

    def planes(self, parameters: Tensor) -> Tensor:
        """Images of the rendered components, then the shape derivatives.

        Parameters
        ----------
        parameters : Tensor, (B, P)
            In the vocabulary's units, ties already applied.

        Returns
        -------
        Tensor, (B, n_planes, H, W)
            As `layout` numbers them; sky planes are not among them.
        """
        return self.scene.planes(self.layout, parameters, self._zeropoints(parameters), derivatives=True)

    def component_images(self, parameters: Tensor) -> Tensor:
        """One image per component, sky included, in the model's order; (B, C, H, W)."""
        zeropoint = self._zeropoints(parameters)
        drawn = self.scene.planes(self.layout, parameters, zeropoint, derivatives=False)
        images = drawn.new_zeros(len(parameters), len(self.model.components), *self.shape)
        for item in self.layout.rendered:
            images[:, item.component] = drawn[:, item.image_plane]
        bases = self.sky_planes()
        for k, term in enumerate(self.layout.sky):
            images[:, term.component] += parameters[:, term.parameter, None, None].to(self.dtype) * bases[k]
        return images

    def image(self, parameters: Tensor) -> Tensor:
        """The model, (B, H, W): the sum of `component_images`."""
        return self.component_images(parameters).sum(1)

    def jacobian(self, parameters: Tensor) -> tuple[Tensor, Tensor]:
        """The model and its derivatives in the free parameters.

        Returns
        -------
        image : Tensor, (B, H, W)
        derivatives : Tensor, (B, F, H, W)
            In image units per unit of each free parameter (vocabulary units).
        """
        planes = self.planes(parameters)
        everything = torch.cat((planes, self.sky_planes().expand(len(planes), -1, -1, -1)), dim=1)
        columns = [sum(factor * everything[:, k] for k, factor in column) for column in self.layout.columns]
        n_images = len(self.layout.rendered)
        image = planes[:, :n_images].sum(1)
        for k, term in enumerate(self.layout.sky):
            image = (
                image
                + parameters[:, term.parameter, None, None].to(self.dtype) * everything[:, len(planes[0]) + k]
            )
        derivatives = torch.stack(
            [c if isinstance(c, torch.Tensor) else torch.zeros_like(image) for c in columns], 1
        )
        return image, derivatives

    def sky_planes(self) -> Tensor:
        """The basis plane of every sky parameter, (K, H, W)."""
        height, width = self.shape
        x = (torch.arange(width, dtype=self.dtype, device=self.device) - 0.5 * (width - 1)).expand(
            height, width
        )
        y = (torch.arange(height, dtype=self.dtype, device=self.device) - 0.5 * (height - 1))[:, None]
        y = y.expand(height, width)
        planes = {
            c: dict(
                zip(
                    (p.name for p in component.parameters),
                    sky_basis(component.declaration, x, y),
                    strict=True,
                )
            )
            for c, component in enumerate(self.model.components)
            if component.declaration.kind == "sky"
        }
        chosen = [planes[term.component][term.basis] for term in self.layout.sky]
        return torch.stack(chosen) if chosen else x.new_zeros(0, height, width)

    def _zeropoints(self, parameters: Tensor) -> Tensor:
        return self.zeropoint.expand(len(parameters))
