"""Sky level, and the noise of an image that came without a sigma map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from galviewer.survey.headers import number, per_second
from galviewer.survey.problem import Findings

_GAIN = ("GAIN", "EGAIN", "CCDGAIN")
_READ_NOISE = ("RDNOISE", "READNOIS", "RON")


def background(image: np.ndarray, mask: np.ndarray, most: int = 50_000) -> tuple[float, float]:
    """Sky level and scatter of the unmasked pixels, by clipping around the median.

    Parameters
    ----------
    image, mask : ndarray, (H, W)
        Pixels, and True where they are ignored.
    most : int
        About so many pixels are looked at, evenly spread.

    Returns
    -------
    level, rms : float
        Image units; rms is 0 only where more than half of the pixels are equal.
    """
    values = image[~mask]
    if values.size >= 2 * most:
        values = values[:: values.size // most]
    level, rms = float(np.median(values)), 0.0
    for _ in range(8):
        rms = 1.4826 * float(np.median(np.abs(values - level)))
        kept = values[np.abs(values - level) <= 3.0 * rms] if rms > 0 else values
        new = float(np.median(kept))
        done = kept.size == values.size or abs(new - level) < 0.01 * rms
        level, values = new, kept
        if done:
            break
    return level, rms


@dataclass(frozen=True)
class Counting:
    """How the pixels of an image were counted; None where it is not known.

    Parameters
    ----------
    gain : float or None
        Electrons per image unit, over all exposures.
    sky_level : float or None
        The level subtracted earlier, image units.
    read_noise : float or None
        Of all exposures together, image units.
    """

    gain: float | None = None
    sky_level: float | None = None
    read_noise: float | None = None


def counting(
    header: Any, gain: float | None = None, read_noise: float | None = None, sky_level: float | None = None
) -> Counting:
    """How the pixels were counted, from the same cards and numbers as `build_sigma` takes."""
    gain = gain if gain is not None else number(header, *_GAIN)
    sky = sky_level if sky_level is not None else number(header, "ORIGSKY")
    noise = read_noise if read_noise is not None else number(header, *_READ_NOISE)
    if gain is None or gain <= 0:
        return Counting(None, sky, None)
    combined = max(number(header, "NCOMBINE") or 1.0, 1.0)
    seconds = number(header, "EXPTIME") if per_second(header) else 1.0
    effective = gain * combined * (seconds if seconds and seconds > 0 else 1.0)
    return Counting(effective, sky, None if noise is None else math.sqrt(combined) * noise / effective)


def build_sigma(
    image: np.ndarray,
    mask: np.ndarray,
    header: Any,
    findings: Findings,
    gain: float | None = None,
    read_noise: float | None = None,
    sky_level: float | None = None,
) -> tuple[np.ndarray, str]:
    """Noise per pixel from gain and read noise, or from the background where no gain is known.

    Parameters
    ----------
    image, mask : ndarray, (H, W)
        Pixels, and True where they are ignored.
    header : Header or dict
        Cards GAIN (electrons per unit), RDNOISE (electrons), NCOMBINE, EXPTIME (for images in
        units per second) and ORIGSKY (the level subtracted earlier).
    findings : Findings
        Gets a note on how sigma was built.
    gain, read_noise, sky_level : float, optional
        Win over the cards.

    Returns
    -------
    sigma : ndarray, (H, W)
        Image units.
    origin : {"gain", "background"}
        How it was built.

    Notes
    -----
    g is the effective gain, gain x NCOMBINE (x EXPTIME for rates). Where the subtracted sky is
    known, imfit's formula ``sigma^2 = (I + sky) / g + NCOMBINE (RDNOISE / g)^2``; otherwise
    GALFIT's, with the measured sky and its scatter: ``sigma^2 = max(I - sky, 0) / g + rms^2``.
    """
    gain = gain if gain is not None else number(header, *_GAIN)
    if gain is None or gain <= 0:
        _, rms = background(image, mask)
        if rms <= 0:
            raise findings.error(
                "has no sigma, no gain, and a background without scatter",
                "a sigma map",
                "give a sigma map or a gain",
            )
        findings.note(
            f"has no sigma and no gain; the scatter of the background, {rms:.4g}, is used", "a sigma map",
            "give a sigma map, or gain and read noise",
        )  # fmt: skip
        return np.full(image.shape, rms), "background"
    combined = max(number(header, "NCOMBINE") or 1.0, 1.0)
    effective = gain * combined * _seconds(header, findings)
    sky = sky_level if sky_level is not None else number(header, "ORIGSKY")
    noise = read_noise if read_noise is not None else number(header, *_READ_NOISE)
    if sky is not None:
        variance = np.maximum(image + sky, 0.0) / effective + combined * ((noise or 0.0) / effective) ** 2
        how = f"gain {gain:g}, read noise {noise or 0.0:g} and the subtracted sky {sky:g}"
    else:
        level, rms = background(image, mask)
        floor = max(rms**2, combined * ((noise or 0.0) / effective) ** 2)
        variance = np.maximum(image - level, 0.0) / effective + floor
        how = f"gain {gain:g} and the scatter of the background {rms:.4g}"
    if not np.all(variance > 0):
        _, rms = background(image, mask)
        variance = np.where(variance > 0, variance, rms**2)
    findings.note(f"has no sigma; it was built from {how}", "a sigma map")
    return np.sqrt(variance), "gain"


def _seconds(header: Any, findings: Findings) -> float:
    """Exposure time where the image is a rate, 1 otherwise."""
    if not per_second(header):
        return 1.0
    seconds = number(header, "EXPTIME")
    if seconds is None or seconds <= 0:
        findings.note(
            "is in units per second but has no EXPTIME; 1 s is used for its noise", "a card EXPTIME"
        )
        return 1.0
    return seconds
