"""Tangent-plane polynomials against astropy's own WCS."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.wcs import WCS

from galviewer.explorer.sky import compass, tangent_polynomial


def _wcs(ra=150.0, dec=2.0, scale=0.396, angle=25.0, crpix=(300.0, -80.0), distorted=False) -> WCS:
    header = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": ra, "CRVAL2": dec}
    c, s = (f(math.radians(angle)) * scale / 3600 for f in (math.cos, math.sin))
    header |= {"CRPIX1": crpix[0], "CRPIX2": crpix[1], "CD1_1": -c, "CD1_2": s, "CD2_1": s, "CD2_2": c}
    if distorted:
        header |= {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}
        header |= {"A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-6, "B_0_2": -1e-6, "A_1_1": 5e-7}
    return WCS(header)


def _evaluate(plane, x, y):
    """What static/painter.js does, in numpy."""
    u, v = x - plane["x0"], y - plane["y0"]
    terms = np.stack([np.ones_like(u), u, v, u * u, u * v, v * v])
    xi, eta = (np.radians(np.tensordot(plane[k], terms, 1)) for k in ("xi", "eta"))
    d0 = math.radians(plane["dec0"])
    cosine = math.cos(d0) - eta * math.sin(d0)
    ra = plane["ra0"] + np.degrees(np.arctan2(xi, cosine))
    dec = np.degrees(np.arctan2(math.sin(d0) + eta * math.cos(d0), np.hypot(xi, cosine)))
    return ra % 360, dec


@pytest.mark.parametrize(
    "wcs", [_wcs(), _wcs(ra=0.001), _wcs(dec=-88.5), _wcs(distorted=True)], ids=["tan", "ra 0", "pole", "sip"]
)
def test_positions_agree_to_a_thousandth_of_a_pixel(wcs):
    shape = (160, 120)
    plane = tangent_polynomial(wcs, shape)
    x, y = (g.ravel() for g in np.meshgrid(np.linspace(0, 119, 13), np.linspace(0, 159, 13)))
    ra, dec = _evaluate(plane, x, y)
    back_x, back_y = wcs.all_world2pix(ra, dec, 0, tolerance=1e-6)
    assert np.abs(back_x - x).max() < 1e-3
    assert np.abs(back_y - y).max() < 1e-3


def test_without_wcs_nothing():
    assert tangent_polynomial(None, (10, 10)) is None
    assert compass(None, (10, 10)) is None


def test_compass_points_north_and_east():
    directions = compass(_wcs(angle=0.0), (100, 100))
    assert directions["N"] == pytest.approx([0, 1], abs=1e-2)
    assert directions["E"] == pytest.approx([-1, 0], abs=1e-2)
