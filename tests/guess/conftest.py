"""Galaxies drawn by GalSim, an independent renderer."""

from __future__ import annotations

from collections.abc import Callable

import galsim
import numpy as np
import pytest

from galviewer.survey import Galaxy

Draw = Callable[..., Galaxy]


@pytest.fixture(scope="session")
def psf() -> galsim.GSObject:
    """A Moffat PSF of 3.2 pixels FWHM."""
    return galsim.Moffat(beta=3.5, fwhm=3.2)


@pytest.fixture(scope="session")
def draw(psf: galsim.GSObject) -> Draw:
    """Galaxy with known parameters; keywords replace single ones."""

    def one(
        shape=(100, 120), x=60.3, y=48.8, flux=100.0, r_eff=7.0, n=2.0, q=0.6, pa=30.0,
        noise=0.01, sky=0.0, unit=1.0, extra=None, seed=3, with_psf=True, **rest,
    ) -> Galaxy:  # fmt: skip
        light = galsim.Sersic(n=n, half_light_radius=r_eff * np.sqrt(q), flux=flux)
        light = light.shear(q=q, beta=(pa + 90.0) * galsim.degrees)
        rows, columns = shape
        light = light.shift(x - (columns - 1) / 2, y - (rows - 1) / 2)
        if extra is not None:
            light = light + extra
        seen = galsim.Convolve(light, psf) if with_psf else light
        image = seen.drawImage(nx=columns, ny=rows, scale=1.0).array.astype(float) + sky
        image += np.random.default_rng(seed).normal(0.0, noise, image.shape)
        stamp = psf.drawImage(nx=41, ny=41, scale=1.0).array.astype(float) if with_psf else None
        sigma = np.full(image.shape, max(noise, 1e-6) * unit)
        return Galaxy.from_arrays(image * unit, sigma, stamp, **rest)

    return one
