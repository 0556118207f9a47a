"""The PSF as a transfer function, and the frame in which the model is rendered before convolution."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from galviewer.errors import SettingsError
from galviewer.render.settings import RenderSettings

if TYPE_CHECKING:
    from torch import Tensor

PsfKind = Literal["effective", "optical"]
PSF_KINDS: tuple[PsfKind, ...] = ("effective", "optical")


@dataclass(frozen=True)
class Frame:
    """The padded grid on which one shape of image is rendered.

    Parameters
    ----------
    height, width : int
        Image shape, pixels.
    fine : int
        Grid points per pixel; 1 unless the PSF is undersampled by the pixels.
    margin : int
        Pixels rendered beyond each edge of the image.
    rows, columns : int
        Padded size, grid points: fast for the FFT, large enough that nothing wraps into the image.
    """

    height: int
    width: int
    fine: int
    margin: int
    rows: int
    columns: int

    @property
    def filled(self) -> tuple[int, int]:
        """Rows and columns of the part that is rendered; the rest stays zero."""
        rows, columns = ((side - 1 + 2 * self.margin) * self.fine + 1 for side in (self.height, self.width))
        return rows, columns

    @property
    def image_slices(self) -> tuple[slice, slice]:
        """Rows and columns of the padded grid that are the image's pixel centres."""
        start, step = self.margin * self.fine, self.fine
        ends = (start + (side - 1) * step + 1 for side in (self.height, self.width))
        rows, columns = (slice(start, end, step) for end in ends)
        return rows, columns


def psf_centre(side: int) -> int:
    """Index of a PSF stamp's centre pixel: the middle, or the right one of the two (GALFIT's rule)."""
    return side // 2


def plan_frame(shape: tuple[int, int], psf: Tensor, oversample: int, settings: RenderSettings) -> Frame:
    """The frame for images of this shape under this PSF.

    Parameters
    ----------
    shape : (int, int)
        Image height and width, pixels.
    psf : Tensor, (B or 1, Ky, Kx)
        PSF stamps, each with sum 1.
    oversample : int
        PSF samples per pixel.
    settings : RenderSettings
        Accuracy.
    """
    fine = _needed_fineness(psf, oversample, settings.psf_band)
    half = [math.ceil((side // 2) / oversample) for side in psf.shape[-2:]]
    margin = min(_light_radius(psf, oversample, settings.psf_light), max(half))
    needed = [side + margin + max(reach, margin) for side, reach in zip(shape, half, strict=True)]
    sides = [fast_length(side * fine) for side in needed]
    return Frame(shape[0], shape[1], fine, margin, max(sides[0], 16), max(sides[1], 16))


def transfer(psf: Tensor, oversample: int, kind: PsfKind, frame: Frame) -> Tensor:
    """Fourier transform of the PSF at the frame's frequencies, for `torch.fft.rfft2`.

    Parameters
    ----------
    psf : Tensor, (B or 1, Ky, Kx)
        PSF stamps, each with sum 1.
    oversample : int
        PSF samples per pixel.
    kind : {"effective", "optical"}
        Whether the stamps contain the pixel's response; an optical PSF is multiplied by it.
    frame : Frame
        From `plan_frame`.

    Returns
    -------
    Tensor, complex, (B or 1, rows, columns // 2 + 1)
    """
    if kind not in PSF_KINDS:
        raise SettingsError("psf_kind", f"is {kind!r}", " or ".join(PSF_KINDS))
    wide = psf.double()
    fy = torch.fft.fftfreq(frame.rows, dtype=torch.float64, device=psf.device) * frame.fine
    fx = torch.fft.rfftfreq(frame.columns, dtype=torch.float64, device=psf.device) * frame.fine
    found = (
        _waves(fy, psf.shape[-2], oversample)
        @ wide.to(torch.complex128)
        @ _waves(fx, psf.shape[-1], oversample).T
    )
    if oversample > 1:
        inside = (fy.abs() <= 0.5 * oversample)[:, None] & (fx.abs() <= 0.5 * oversample)[None]
        found = found * inside
    if kind == "optical":
        found = found * (torch.sinc(fy)[:, None] * torch.sinc(fx)[None])
    return found.to(torch.complex64 if psf.dtype == torch.float32 else torch.complex128)


def fast_length(n: int) -> int:
    """Smallest even number >= n whose prime factors are 2, 3 and 5."""
    candidate = n + n % 2
    while True:
        rest = candidate
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return candidate
        candidate += 2


def _waves(frequencies: Tensor, side: int, oversample: int) -> Tensor:
    """``exp(-2 pi i f x)`` for frequencies in cycles per pixel and the stamp's sample positions."""
    position = (
        torch.arange(side, dtype=torch.float64, device=frequencies.device) - psf_centre(side)
    ) / oversample
    return torch.polar(
        torch.ones((), dtype=torch.float64, device=frequencies.device),
        -2.0 * math.pi * frequencies[:, None] * position,
    )


def _needed_fineness(psf: Tensor, oversample: int, band: float) -> int:
    """Grid points per pixel so that the oversampled PSF's transfer stays below `band` beyond the grid."""
    if oversample == 1:
        return 1
    transform = torch.fft.fft2(psf.double()).abs().amax(0)
    fy = torch.fft.fftfreq(psf.shape[-2]).abs() * oversample
    fx = torch.fft.fftfreq(psf.shape[-1]).abs() * oversample
    highest = torch.maximum(fy[:, None], fx[None]).to(transform.device)
    for fine in range(1, oversample):
        # Half a cycle per grid point is the highest frequency the grid holds.
        if not bool((transform[highest > 0.5 * fine] > band).any()):
            return fine
    return oversample


def _light_radius(psf: Tensor, oversample: int, fraction: float) -> int:
    """Radius in whole pixels that holds `fraction` of the light of every stamp."""
    rows, columns = psf.shape[-2:]
    y = torch.arange(rows, device=psf.device)[:, None] - psf_centre(rows)
    x = torch.arange(columns, device=psf.device)[None] - psf_centre(columns)
    distance = torch.sqrt((x * x + y * y).double()).flatten()
    order = torch.argsort(distance)
    light = psf.double().flatten(1)[:, order].cumsum(1)
    inside = (light >= fraction * light[:, -1:]).double().argmax(1)
    return math.ceil(float(distance[order][inside].max()) / oversample)
