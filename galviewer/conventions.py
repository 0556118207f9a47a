"""Pixel origin, angles, magnitudes: the only place where conventions are converted.

Inside galviewer pixel centres lie at integers and the first pixel is 0; FITS, GALFIT and imfit
count from 1. Position angles run counter-clockwise from +y, in degrees, in [0, 180). A mask is
True where a pixel is ignored. Works on floats, numpy arrays and tensors alike where it can.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from astropy.wcs import WCS

MAG_PER_LN_FLUX = -2.5 / math.log(10.0)
"""Magnitudes per unit of ln(flux)."""


def to_fits_pixel(x: float) -> float:
    """0-based pixel coordinate to the 1-based one of FITS, GALFIT and imfit."""
    return x + 1.0


def from_fits_pixel(x: float) -> float:
    """1-based pixel coordinate of FITS, GALFIT and imfit to the 0-based one."""
    return x - 1.0


def wrap_pa(pa: Any) -> Any:
    """Position angle wrapped to [0, 180) degrees (float, array or tensor)."""
    return pa % 180.0


def flux_to_mag(flux: float, zeropoint: float) -> float:
    """Magnitude of a flux in image units; nan where the flux is not positive."""
    return zeropoint - 2.5 * math.log10(flux) if flux > 0 else math.nan


def mag_to_flux(mag: Any, zeropoint: Any) -> Any:
    """Flux in image units of a magnitude (float, array or tensor)."""
    return 10.0 ** (-0.4 * (mag - zeropoint))


def pa_to_sky(pa: float, x: float, y: float, wcs: WCS) -> float:
    """Position angle on the sky, from north through east, in [0, 180) degrees.

    Parameters
    ----------
    pa : float
        Angle from +y, counter-clockwise, degrees.
    x, y : float
        0-based pixel position at which the direction is converted.
    wcs : astropy.wcs.WCS
        Celestial WCS of the image.
    """
    step = 0.5
    dx, dy = -step * math.sin(math.radians(pa)), step * math.cos(math.radians(pa))
    (ra0, ra1), (dec0, dec1) = wcs.all_pix2world([x - dx, x + dx], [y - dy, y + dy], 0)
    east = (ra1 - ra0 + 180.0) % 360.0 - 180.0
    east *= math.cos(math.radians(0.5 * (dec0 + dec1)))
    return math.degrees(math.atan2(east, dec1 - dec0)) % 180.0
