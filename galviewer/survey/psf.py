"""A PSF stamp made fit for convolution: finite, centred, positive sum, normalised to one.

The centre of a stamp is its pixel (K-1)/2 for an odd side K and K/2 for an even one (0-based), as
in GALFIT. A stamp centred elsewhere moves every fitted centre by the difference, so shifts of a
pixel or more are taken out by whole pixels (lossless), and a stamp centred between two pixels, as
even ones often are, is moved by half a pixel where it is sampled well enough for that.
"""

from __future__ import annotations

import numpy as np

from galviewer.survey.problem import Findings

NEGATIVE_KEPT = 0.03
"""Negative light, relative to the sum, that is noise and stays."""
NEGATIVE_ALLOWED = 0.5
"""Negative light above which a stamp is no PSF."""


def prepare_psf(raw: np.ndarray, findings: Findings, oversample: int = 1) -> np.ndarray:
    """Check and repair a PSF stamp.

    Parameters
    ----------
    raw : ndarray, (Ky, Kx)
        Stamp of any type and sum.
    findings : Findings
        Gets every repair and remark.
    oversample : int
        Samples per image pixel; only for messages.

    Returns
    -------
    ndarray, (Ky, Kx), float64
        Sum 1, read-only.

    Raises
    ------
    InputError
        Not two-dimensional, without light, or mostly negative or undefined.
    """
    if raw.ndim != 2 or min(raw.shape) < 3:
        raise findings.error(
            f"the PSF has the shape {_sides(raw)}",
            "two dimensions of 3 pixels or more",
            "give a stamp of a star",
        )
    psf = np.array(raw, dtype=np.float64)
    _finite(psf, findings)
    total = psf.sum()
    _positive(psf, findings)
    if abs(total - 1.0) > 0.01:
        findings.repaired(f"the PSF sums to {total:.6g}; it was normalised", "a sum of 1")
    psf /= psf.sum()
    psf = _centred(psf, findings, oversample)
    psf.flags.writeable = False
    return psf


def _sides(array: np.ndarray) -> str:
    """Shape as x × y, as astronomers count."""
    return " x ".join(map(str, reversed(array.shape))) or "of a single number"


def _finite(psf: np.ndarray, findings: Findings) -> None:
    """Zero for undefined pixels, in place."""
    bad = ~np.isfinite(psf)
    count = int(bad.sum())
    if count == 0:
        return
    if count > 0.1 * psf.size:
        raise findings.error(
            f"the PSF has {count} NaN or infinite pixels of {psf.size}", "finite pixels", "give another PSF"
        )
    psf[bad] = 0.0
    findings.repaired(f"the PSF has {count} NaN or infinite pixels; they were set to 0", "finite pixels")


def _positive(psf: np.ndarray, findings: Findings) -> None:
    """Light must be positive; a few per cent below zero is noise."""
    below = -float(psf[psf < 0].sum())
    above = float(psf[psf > 0].sum())
    if above <= 0:
        raise findings.error("the PSF has no positive pixel", "a star's light", "give another PSF")
    share = below / above
    if share > NEGATIVE_ALLOWED:
        raise findings.error(
            f"the PSF is negative: {share:.0%} of its light is below zero", "positive pixels",
            "subtract the right sky from the star, or give another PSF",
        )  # fmt: skip
    if share > NEGATIVE_KEPT:
        psf[psf < 0] = 0.0
        findings.repaired(
            f"the PSF has negative pixels ({share:.1%} of its light); they were set to 0", "positive pixels",
            "subtract the right sky from the star",
        )  # fmt: skip


def _centred(psf: np.ndarray, findings: Findings, oversample: int) -> np.ndarray:
    """Move a stamp whose light is centred elsewhere."""
    rows, columns = psf.shape
    dx, dy = (found - side // 2 for found, side in zip(_centroid(psf), (columns, rows), strict=True))
    whole = [int(np.round(d)) if abs(d) > 0.75 else 0 for d in (dx, dy)]
    if max(map(abs, whole)) > 0.25 * min(rows, columns):
        raise findings.error(
            f"the PSF is centred at ({dx + columns // 2:.1f}, {dy + rows // 2:.1f})",
            f"its centre near pixel ({columns // 2}, {rows // 2}) of the stamp", "cut it out around the star",
        )  # fmt: skip
    if any(whole):
        findings.repaired(
            f"the PSF is ({dx:+.2f}, {dy:+.2f}) samples off its centre; "
            f"it was moved by ({-whole[0]}, {-whole[1]})",
            f"its centre at pixel ({columns // 2}, {rows // 2}) of the stamp",
        )
        psf = _rolled(psf, -whole[0], -whole[1])
        dx, dy = dx - whole[0], dy - whole[1]
    half = [d if side % 2 == 0 and abs(d) > 0.25 else 0.0 for d, side in ((dx, columns), (dy, rows))]
    if any(half) and _fwhm(psf) >= 2.0:
        findings.repaired(
            f"the PSF has an even side, centred between pixels; "
            f"it was moved by ({-half[0]:+.2f}, {-half[1]:+.2f})",
            f"its centre at pixel ({columns // 2}, {rows // 2}) of the stamp",
        )
        return _shifted(psf, -half[0], -half[1])
    if max(abs(dx), abs(dy)) > 0.25:
        findings.note(
            f"the PSF is ({dx:+.2f}, {dy:+.2f}) samples off ({oversample} per pixel); so are fitted centres",
            "less than a quarter",
        )
    return psf


def _centroid(psf: np.ndarray) -> tuple[float, float]:
    """Centre of light (x, y) within about the half-light radius of the peak.

    The peak is taken in the 3 x 3 means, so that one hot pixel does not decide.
    """
    padded = np.pad(psf, 1)
    smooth = sum(padded[j : j + psf.shape[0], i : i + psf.shape[1]] for j in range(3) for i in range(3))
    py, px = np.unravel_index(int(np.argmax(smooth)), psf.shape)
    radius = max(2.0, 1.5 * _fwhm(psf))
    y, x = np.mgrid[: psf.shape[0], : psf.shape[1]]
    cx, cy = float(px), float(py)
    for _ in range(10):
        weight = np.clip(psf, 0.0, None) * np.exp(
            -0.5 * ((x - cx) ** 2 + (y - cy) ** 2) / (0.5 * radius) ** 2
        )
        total = weight.sum()
        step = 2.0 * float((weight * (x - cx)).sum() / total), 2.0 * float((weight * (y - cy)).sum() / total)
        cx, cy = cx + step[0], cy + step[1]
        if max(map(abs, step)) < 0.01:
            break
    return cx, cy


def _fwhm(psf: np.ndarray) -> float:
    """Width of the area above half of the peak, in samples."""
    return 2.0 * float(np.sqrt((psf > 0.5 * psf.max()).sum() / np.pi))


def _rolled(psf: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """Moved by whole samples; what leaves the stamp is lost, zeros come in."""
    moved = np.zeros_like(psf)
    rows, columns = psf.shape
    moved[max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)] = psf[
        max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : columns + min(-dx, 0)
    ]
    return moved / moved.sum()


def _shifted(psf: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """Moved by a fraction of a sample, by a Fourier shift of the padded stamp."""
    rows, columns = psf.shape
    padded = np.pad(psf, 8)
    ky = np.fft.fftfreq(padded.shape[0])[:, None]
    kx = np.fft.rfftfreq(padded.shape[1])[None, :]
    moved = np.fft.irfft2(np.fft.rfft2(padded) * np.exp(-2j * np.pi * (kx * dx + ky * dy)), s=padded.shape)
    moved = moved[8 : 8 + rows, 8 : 8 + columns]
    return moved / moved.sum()
