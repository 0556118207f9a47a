"""Fits made by hand: no engine is needed to describe, store and read one."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from galviewer import model as models
from galviewer.flags import Flag
from galviewer.products import GalaxyFit
from galviewer.survey import Galaxy


def north_up(scale=0.5, ra=150.0, dec=20.0):
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix = [21.0, 16.0]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.cdelt = [-scale / 3600.0, scale / 3600.0]
    wcs.wcs.set()
    return wcs


VALUES = {
    "bulge_x": 20.0, "bulge_y": 15.0, "bulge_mag": 18.5, "bulge_r_eff": 3.2, "bulge_n": 3.7, "bulge_q": 0.8,
    "bulge_pa": 30.0, "bulge_boxiness": 0.0, "disk_x": 20.0, "disk_y": 15.0, "disk_mag": 17.0,
    "disk_r_eff": 9.1, "disk_q": 0.5, "disk_pa": 33.0, "disk_boxiness": 0.0, "sky_level": 0.12,
    "sersic_x": 20.25, "sersic_y": 14.5,
    "sersic_mag": 17.0, "sersic_r_eff": 6.0, "sersic_n": 2.5, "sersic_q": 0.6, "sersic_pa": 45.0,
    "bar_x": 20.0, "bar_y": 15.0, "bar_mag": 18.9, "bar_r_eff": 4.8, "bar_n": 0.6, "bar_q": 0.4,
    "bar_pa": 75.0, "bar_boxiness": 0.0,
    "sersic_boxiness": 0.0, "point_x": 20.25, "point_y": 14.5, "point_mag": 19.5,
}  # fmt: skip


def make_fit(template="bulge+disk+sky", name="J1002+04", seed=3, **galaxy):
    """A plausible fit of 41 x 31 pixels with every field filled."""
    rng = np.random.default_rng(seed)
    model = models.load(template) if isinstance(template, str) else template
    shape = (31, 41)
    values = np.array([VALUES[c] for c in model.columns])
    root = 0.01 * rng.normal(size=(len(model.free), len(model.free)))
    covariance = root @ root.T + 1e-4 * np.eye(len(model.free))
    errors = np.full(len(values), np.nan)
    errors[list(model.free)] = np.sqrt(np.diag(covariance))
    planes = rng.normal(1.0, 0.1, (len(model.components), *shape)).astype(np.float32)
    settings = {
        "image": rng.normal(1.0, 0.1, shape).astype(np.float32).astype(float),
        "sigma": np.full(shape, 0.1),
        "mask": rng.random(shape) < 0.1,
        "psf": np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25]),
        "zeropoint": 22.5,
        "pixel_scale": 0.5,
        "wcs": north_up(),
        "notes": ("2 pixels of the image are NaN or infinite; they were masked",),
        "flags": int(Flag.INPUT_REPAIRED),
        "paths": {"image": "/data/é galaxy_image.fits"},
        "header": {"FILTER": "r", "GAIN": 4.7},
    }
    target = Galaxy(name=name, **(settings | galaxy))
    return GalaxyFit(
        name=name, model=model, parameters=values, errors=errors, starts=values * 1.1, chi2=1234.5,
        chi2_nu=1.0567891234567, n_pixels=int((~target.mask).sum()), n_free=len(model.free), iterations=7,
        seconds=0.02, flags=int(Flag.INPUT_REPAIRED | Flag.AT_BOUND), galaxy=target, covariance=covariance,
        model_image=planes.sum(0), component_images=planes, psf_kind="effective",
    )  # fmt: skip


@pytest.fixture
def fit():
    return make_fit()


@pytest.fixture
def make():
    return make_fit
