"""What headers say about a galaxy: zeropoint, pixel scale, gain, world coordinates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from galviewer.survey.files import quiet
from galviewer.survey.problem import Findings

if TYPE_CHECKING:
    from astropy.wcs import WCS

ZEROPOINT_CARDS = ("MAGZP", "MAGZPT", "MAGZERO", "ZEROPOINT", "ZEROPNT", "ZP", "PHOTZP", "MAG_ZP", "ABZP")
SCALE_CARDS = ("PIXSCALE", "PIXSCAL", "PIXSCAL1", "SECPIX", "SECPIX1", "PLTSCALE")
KEPT_CARDS = (
    "OBJECT", "TELESCOP", "INSTRUME", "FILTER", "BAND", "BUNIT", "DATE-OBS", "SURVEY", "EXPTIME", "GAIN",
    "RDNOISE", "NCOMBINE", "ORIGSKY", *ZEROPOINT_CARDS, *SCALE_CARDS,
)  # fmt: skip


def number(header: Any, *cards: str) -> float | None:
    """First of the cards that holds a finite number, also one written as a string."""
    for card in cards:
        try:
            value = float(header[card])
        except (KeyError, TypeError, ValueError):
            continue
        if math.isfinite(value):
            return value
    return None


def kept(header: Any) -> dict[str, Any]:
    """The few cards worth carrying into the products."""
    return {card: header[card] for card in KEPT_CARDS if card in header}


def per_second(header: Any) -> bool:
    """Whether the image unit is a rate (BUNIT such as electron/s)."""
    unit = str(header.get("BUNIT", "")).lower().replace(" ", "")
    return unit.endswith(("/s", "/sec", "/second", "s-1", "s**-1", "s^-1", "cps"))


def zeropoint(header: Any, given: float | None, exposure: bool, findings: Findings) -> float:
    """Magnitude of one image unit, from the settings or the first known card; 0 with a note otherwise."""
    value = given if given is not None else number(header, *ZEROPOINT_CARDS)
    if value is None:
        findings.note("no zeropoint is known; 0 is used", "a card such as MAGZP", "give a zeropoint")
        return 0.0
    if not exposure or per_second(header):
        return value
    seconds = number(header, "EXPTIME")
    if seconds is None or seconds <= 0:
        raise findings.error(
            "the zeropoint is per second but there is no EXPTIME", "a card EXPTIME",
            "add the card, or give the zeropoint of the image unit",
        )  # fmt: skip
    return value + 2.5 * math.log10(seconds)


def world(header: Any, findings: Findings) -> WCS | None:
    """Celestial WCS, or None where the header has none that works."""
    if not str(header.get("CTYPE1", "")).strip():
        return None
    from astropy.wcs import WCS

    try:
        with quiet():
            wcs = WCS(header, naxis=2)
            usable = wcs.has_celestial
    except Exception as error:  # wcslib raises many kinds; a bad WCS must not cost the galaxy
        findings.note(f"the WCS cannot be used ({str(error).splitlines()[0]})", "a celestial WCS")
        return None
    return wcs if usable else None


def pixel_scale(header: Any, wcs: WCS | None, given: float | None, findings: Findings) -> float | None:
    """Arcsec per pixel: from the settings, the WCS, or a card, in this order."""
    if given is not None:
        return given
    card = number(header, *SCALE_CARDS)
    card = card if card is not None and card > 0 else None
    if wcs is None:
        return card
    matrix = wcs.pixel_scale_matrix
    scale = 3600.0 * math.sqrt(abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0]))
    if card is not None and abs(card / scale - 1.0) > 0.02:
        findings.note(
            f"the WCS says {scale:.4g} arcsec per pixel, a card says {card:.4g}; the WCS is used",
            "the same scale in both", "give the pixel scale in the settings",
        )  # fmt: skip
    return scale
