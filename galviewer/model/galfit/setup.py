"""GalfitSetup: all that a GALFIT input file says."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

from galviewer.model.description import Model
from galviewer.model.leftovers import Leftover


@dataclass(frozen=True)
class GalfitSetup:
    """A GALFIT input file: the model and what surrounds it.

    Parameters
    ----------
    model : Model
        What is fitted. Its pixels count from 0 at the first pixel of the fitting region.
    image, image_hdu : str
        Input image, and its HDU: number, or name, as in ``file.fits[1]`` and ``file.fits[sci]``.
    output : str
        Output block.
    sigma, psf, mask, constraints : str
        Files; empty where GALFIT's file says none.
    psf_oversample : int
        PSF samples per image pixel.
    region : (int, int, int, int) or None
        Fitting region xmin, xmax, ymin, ymax, from 1, inclusive; None for the whole image.
    convolution_box : (int, int) or None
        Pixels in x and y. galviewer convolves the whole image.
    zeropoint : float
        Magnitude of one count per second.
    plate_scale : (float, float)
        Arcsec per pixel in x and y.
    display : str
        GALFIT's display type.
    mode : int
        0 fits, 1 makes the model, 2 the block, 3 the components.
    hidden : tuple of str
        Components that are left in the residual image (``Z) 1``).
    leftovers : tuple of Leftover
        What the model cannot hold; written back where it stood.
    path : Path or None
        The file; not compared.
    """

    model: Model
    image: str = ""
    image_hdu: str = ""
    output: str = "imgblock.fits"
    sigma: str = ""
    psf: str = ""
    psf_oversample: int = 1
    mask: str = ""
    constraints: str = ""
    region: tuple[int, int, int, int] | None = None
    convolution_box: tuple[int, int] | None = None
    zeropoint: float = 0.0
    plate_scale: tuple[float, float] = (1.0, 1.0)
    display: str = "regular"
    mode: int = 0
    hidden: tuple[str, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    path: Path | None = field(default=None, compare=False)

    @property
    def unrepresented(self) -> tuple[str, ...]:
        """What the file says and the model does not, one sentence each."""
        return tuple(str(leftover) for leftover in self.leftovers)

    @property
    def origin(self) -> tuple[float, float]:
        """The fitting region's first pixel in the image, counted from 0."""
        return (0.0, 0.0) if self.region is None else (self.region[0] - 1.0, self.region[2] - 1.0)

    @property
    def image_model(self) -> Model:
        """The model with pixels counted from the first of the whole image."""
        return shifted(self.model, *self.origin)


def shifted(model: Model, dx: float, dy: float) -> Model:
    """The model moved by (dx, dy) pixels: start values, bounds, priors' limits and ties of `x` and `y`."""
    if dx == dy == 0.0:
        return model
    for component in model.components:
        for name, step in (("x", dx), ("y", dy)):
            if name not in component.declaration.parameter_names:
                continue
            parameter = component.parameter(name)
            tie, prior = parameter.tied, parameter.prior
            if tie is not None:
                factors = sum(factor for _, factor in tie.terms)
                tie = dataclasses.replace(tie, offset=tie.offset + step * (1.0 - factors))
            if prior is not None:
                lower, upper = prior.lower + step, prior.upper + step
                prior = dataclasses.replace(prior, mean=prior.mean + step, lower=lower, upper=upper)
            model = model.replace(
                f"{component.name}.{name}",
                start=None if parameter.start is None else parameter.start + step,
                lower=parameter.lower + step,
                upper=parameter.upper + step,
                tied=tie,
                prior=prior,
            )
    return model
