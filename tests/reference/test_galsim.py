"""Under a PSF: against GalSim 2.8's noiseless images, and against thin disks drawn by GalSim here."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from astropy.io import fits
from astropy.table import Table

from galviewer import model
from galviewer.render import Renderer

BINS = ((0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 6.1))


def _stamp(path):
    psf = fits.getdata(path).astype(np.float64)
    return torch.tensor(psf / psf.sum())


@pytest.fixture(scope="module")
def galsim_single(shared_data):
    """Parameters, noise and noiseless images of 64 galaxies, and their folder."""
    folder = shared_data / "galsim_single"
    truth = Table.read(folder / "truth.csv")[:64]
    columns = [np.asarray(truth[name], dtype=np.float64) for name in ("x", "y", "mag", "re", "n", "q", "pa")]
    values = torch.tensor(np.stack([*columns, np.zeros(64)], axis=1))
    sigma = np.stack([fits.getdata(folder / f"{name}_sigma.fits") for name in truth["id"]])
    return values, sigma, fits.getdata(folder / "noiseless.fits"), folder


@pytest.mark.parametrize(
    ("psf", "kind", "oversample"),
    [("psf.fits", "effective", 1), ("psf_nopixel.fits", "optical", 1), ("psf_os5.fits", "optical", 5)],
)
def test_images_at_the_truth(galsim_single, psf, kind, oversample):
    values, sigma, noiseless, folder = galsim_single
    renderer = Renderer(
        model.template("sersic"), (128, 128), _stamp(folder / psf), kind, oversample, torch.tensor([22.5])
    )
    chi2 = (((renderer.image(values).numpy() - noiseless) / sigma) ** 2).sum((1, 2))
    n, r_eff = values[:, 4].numpy(), values[:, 3].numpy()
    for low, high in BINS:
        small = (n >= low) & (n < high) & (r_eff < 5.0)
        assert small.any()
        assert np.median(chi2[small]) < 0.1
    assert chi2.max() < 1.0


@pytest.mark.parametrize("q", [0.1, 0.3])
@pytest.mark.parametrize("n", [1.0, 4.0])
def test_thin_galaxies(q, n):
    galsim = pytest.importorskip("galsim")
    precise = galsim.GSParams(
        folding_threshold=1e-4, maxk_threshold=1e-5, kvalue_accuracy=1e-7, maximum_fft_size=32768
    )
    moffat = galsim.Moffat(beta=3, fwhm=3.0)
    stamp = (
        galsim.Convolve(moffat, galsim.Pixel(1.0)).drawImage(nx=41, ny=41, scale=1.0, method="no_pixel").array
    )
    psf = torch.tensor(stamp.astype(np.float64) / stamp.sum())
    # GalSim's half-light radius is the circularised one.
    round_one = galsim.Sersic(n, half_light_radius=3.0 * math.sqrt(q), gsparams=precise)
    galaxy = galsim.Convolve(round_one.shear(q=q, beta=110 * galsim.degrees), moffat, gsparams=precise)
    expected = galaxy.shift(0.3, -0.2).drawImage(nx=127, ny=127, scale=1.0).array
    values = torch.tensor([[63.3, 62.8, 0.0, 3.0, n, q, 20.0, 0.0]], dtype=torch.float64)
    found = Renderer(model.template("sersic"), (127, 127), psf, dtype=torch.float64).image(values)[0].numpy()
    # Summed over the stamp: what a fit at a total signal-to-noise of 500 would see as chi2.
    assert 500**2 * ((found - expected) ** 2).sum() / (expected**2).sum() < 0.3
