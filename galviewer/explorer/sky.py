"""Sky coordinates in a form that a browser can evaluate: a tangent-plane polynomial per stamp."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from astropy.wcs import WCS

_SAMPLES = 7


def tangent_polynomial(wcs: WCS | None, shape: tuple[int, ...]) -> dict[str, Any] | None:
    """Second-order polynomial from pixels to the plane tangent at the stamp's centre.

    Parameters
    ----------
    wcs : WCS or None
        Celestial WCS of the stamp.
    shape : (H, W)
        Of the stamp.

    Returns
    -------
    dict or None
        ``x0, y0`` (pixel), ``ra0, dec0`` (degree), ``xi, eta``: coefficients of 1, u, v, u^2, uv, v^2 in
        degrees, u = x - x0, v = y - y0. Exact for an undistorted gnomonic projection about its own centre,
        otherwise good to far below a thousandth of a pixel on stamps of a few arcminutes. None without a
        usable WCS.
    """
    if wcs is None:
        return None
    height, width = shape
    x0, y0 = (width - 1) / 2, (height - 1) / 2
    try:
        ra0, dec0 = (float(v) for v in wcs.all_pix2world(x0, y0, 0))
        x, y = (
            g.ravel()
            for g in np.meshgrid(np.linspace(0, width - 1, _SAMPLES), np.linspace(0, height - 1, _SAMPLES))
        )
        ra, dec = wcs.all_pix2world(x, y, 0)
    except (ValueError, RuntimeError):
        return None
    if not np.isfinite([ra0, dec0]).all() or not np.isfinite(ra).all() or not np.isfinite(dec).all():
        return None
    xi, eta = _gnomonic(np.radians(ra), np.radians(dec), math.radians(ra0), math.radians(dec0))
    u, v = x - x0, y - y0
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], 1)
    fitted = np.linalg.lstsq(terms, np.degrees(np.stack([xi, eta], 1)), rcond=None)[0]
    return {
        "x0": x0,
        "y0": y0,
        "ra0": ra0,
        "dec0": dec0,
        "xi": fitted[:, 0].tolist(),
        "eta": fitted[:, 1].tolist(),
    }


def _gnomonic(ra: np.ndarray, dec: np.ndarray, ra0: float, dec0: float) -> tuple[np.ndarray, np.ndarray]:
    """Tangent-plane coordinates of sky positions, radian."""
    cosine = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra - ra0)
    xi = np.cos(dec) * np.sin(ra - ra0) / cosine
    eta = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra - ra0)) / cosine
    return xi, eta


def compass(wcs: WCS | None, shape: tuple[int, ...]) -> dict[str, list[float]] | None:
    """Unit vectors towards north and east, (x, y) in pixels; None without a WCS."""
    plane = tangent_polynomial(wcs, shape)
    if plane is None:
        return None
    jacobian = np.array([plane["xi"][1:3], plane["eta"][1:3]])
    if abs(np.linalg.det(jacobian)) == 0:
        return None
    inverse = np.linalg.inv(jacobian)
    return {letter: (inverse[:, k] / np.hypot(*inverse[:, k])).tolist() for letter, k in (("N", 1), ("E", 0))}
