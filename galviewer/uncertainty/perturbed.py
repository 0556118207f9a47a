"""What a PSF or a sky that is a little wrong does to the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from galviewer.errors import SettingsError


@dataclass(frozen=True, eq=False)
class Systematic:
    """Systematic errors of one galaxy's parameters, beside the statistical ones.

    Parameters
    ----------
    names : tuple of str
        P parameters.
    errors : ndarray, (P,)
        The shifts of all kinds, added in squares.
    shifts : dict of str to ndarray, (P,)
        Signed change of the parameters under one unit of each kind ("psf_width", "psf_e1", "psf_e2", "sky"),
        half the difference between plus and minus; "psf_other": the scatter under other PSFs.
    notes : tuple of str
        Refits that failed.
    """

    names: tuple[str, ...]
    errors: np.ndarray
    shifts: dict[str, np.ndarray]
    notes: tuple[str, ...] = ()


def transformed_psf(psf: np.ndarray, width: float = 1.0, e1: float = 0.0, e2: float = 0.0) -> np.ndarray:
    """A PSF stamp stretched and sheared about its centre.

    Parameters
    ----------
    psf : ndarray, (Ky, Kx)
        Sum 1, centre at (K-1)/2 for odd and K/2 for even sides.
    width : float
        Factor on its width.
    e1, e2 : float
        Small ellipticity added along the x axis and along the diagonal: axes 1 + e and 1 - e.

    Returns
    -------
    ndarray, (Ky, Kx)
        Sum 1. Interpolated by its Fourier series, exact for a stamp that is sampled finely enough and
        falls to zero inside.

    Raises
    ------
    SettingsError
        If the change leaves no PSF.
    """
    if not (0.2 < width < 5.0 and math.hypot(e1, e2) < 0.5):
        raise SettingsError("PSF change", f"width {width}, e {e1}, {e2}", "0.2 < width < 5, |e| < 0.5")
    stretch = width * np.array([[1.0 + e1, e2], [e2, 1.0 - e1]])
    back = np.linalg.inv(stretch)
    stamp = torch.as_tensor(np.array(psf, dtype=np.float64))
    rows, columns = stamp.shape
    y = torch.arange(rows, dtype=torch.float64) - rows // 2
    x = torch.arange(columns, dtype=torch.float64) - columns // 2
    from_y = (back[1, 0] * x[None, :] + back[1, 1] * y[:, None]).flatten()
    from_x = (back[0, 0] * x[None, :] + back[0, 1] * y[:, None]).flatten()
    series = torch.fft.fft2(torch.roll(stamp, (-(rows // 2), -(columns // 2)), (0, 1))) / stamp.numel()
    waves_y, waves_x = _waves(from_y, rows), _waves(from_x, columns)
    found = ((waves_y @ series) * waves_x).sum(1).real.reshape(rows, columns)
    outside = (from_y.abs() > 0.5 * rows) | (from_x.abs() > 0.5 * columns)
    found = found.masked_fill(outside.reshape(rows, columns), 0.0)
    return (found / found.sum()).numpy()


def combine(names: tuple[str, ...], shifts: dict[str, np.ndarray], notes: tuple[str, ...] = ()) -> Systematic:
    """The systematic error from the shifts of each kind, nan where none could be measured."""
    known = [np.asarray(shift) for shift in shifts.values()]
    errors = np.sqrt(np.sum(np.square(known), axis=0)) if known else np.full(len(names), np.nan)
    return Systematic(names, errors, shifts, notes)


def _waves(place: torch.Tensor, side: int) -> torch.Tensor:
    """``exp(2 pi i k x / side)`` of the Fourier series' frequencies, (points, side)."""
    k = torch.fft.fftfreq(side, dtype=torch.float64) * side
    return torch.polar(
        torch.ones((), dtype=torch.float64), 2.0 * math.pi / side * place[:, None] * k[None, :]
    )
