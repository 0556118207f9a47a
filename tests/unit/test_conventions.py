"""Conventions: magnitudes, angles, and the sky against astropy's own projection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from galviewer import conventions, flags


def test_magnitudes_and_pixels_go_both_ways():
    assert conventions.mag_to_flux(20.0, 22.5) == pytest.approx(10.0)
    assert conventions.flux_to_mag(10.0, 22.5) == pytest.approx(20.0)
    assert math.isnan(conventions.flux_to_mag(-1.0, 22.5))
    assert conventions.from_fits_pixel(conventions.to_fits_pixel(3.5)) == 3.5
    assert conventions.to_fits_pixel(0.0) == 1.0


@pytest.mark.parametrize(("angle", "wrapped"), [(-10.0, 170.0), (180.0, 0.0), (359.0, 179.0), (90.0, 90.0)])
def test_angles_lie_between_0_and_180(angle, wrapped):
    assert conventions.wrap_pa(angle) == pytest.approx(wrapped)


@pytest.mark.parametrize("turn", [0.0, 33.0, 120.0])
@pytest.mark.parametrize("flip", [-1.0, 1.0])
def test_sky_angle_agrees_with_astropy(turn, flip):
    wcs = WCS(naxis=2)
    wcs.wcs.crpix, wcs.wcs.crval, wcs.wcs.ctype = [50, 50], [150.0, 40.0], ["RA---TAN", "DEC--TAN"]
    angle = math.radians(turn)
    wcs.wcs.cd = 1e-4 * np.array(
        [[flip * math.cos(angle), math.sin(angle)], [-flip * math.sin(angle), math.cos(angle)]]
    )
    pa, x, y = 25.0, 60.0, 45.0
    dx, dy = -math.sin(math.radians(pa)), math.cos(math.radians(pa))
    ends = [SkyCoord(*wcs.all_pix2world(x + s * dx, y + s * dy, 0), unit="deg") for s in (-0.5, 0.5)]
    expected = ends[0].position_angle(ends[1]).deg % 180.0
    assert conventions.pa_to_sky(pa, x, y, wcs) == pytest.approx(expected, abs=0.01)


def test_every_flag_is_described():
    assert set(flags.REGISTRY) == set(flags.Flag)
    assert flags.names(flags.Flag.AT_BOUND | flags.Flag.NO_PSF) == ["at_bound", "no_psf"]
    assert "bound" in flags.describe(flags.Flag.AT_BOUND)
    assert flags.describe(0) == ""
    assert all(info.sentence and info.advice for info in flags.REGISTRY.values())
