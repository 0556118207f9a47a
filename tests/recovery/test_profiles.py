"""Every profile beyond the Sérsic family, simulated with PSF and noise and fitted from a measured start."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from galviewer.model import Component, Model
from galviewer.model.expansion import multi_gaussian
from galviewer.render import Renderer
from galviewer.run import half_light
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy

SIDE = 80
SIGNAL_TO_NOISE = 200.0
PLACE = {"x": 39.4, "y": 40.3, "mag": -10.0, "q": 0.7, "pa": 35.0, "boxiness": 0.0}
TRUTH = {
    "de_vaucouleurs": {"r_eff": 6.0},
    "ferrer": {"r_out": 16.0, "alpha": 1.6, "beta": 0.4},
    "king": {"r_c": 3.0, "r_t": 20.0, "alpha": 2.0},
    "broken_exponential": {"h_in": 7.0, "h_out": 3.0, "r_break": 11.0, "sharpness": 1.0},
    "core_sersic": {"r_eff": 10.0, "n": 2.5, "r_break": 4.0, "alpha": 5.0, "gamma": 0.5},
    "nuker": {"r_break": 5.0, "alpha": 2.0, "beta": 4.0, "gamma": 0.4},
    "ring": {"r_ring": 9.0, "width": 2.5},
    "mge": {"s_in": 1.5, "s_out": 10.0, "share1": 0.05, "share2": 0.1, "share3": 0.25}
    | {"share4": 0.4, "share5": 0.5},
}


def _psf():
    y, x = np.mgrid[:25, :25] - 12
    stamp = np.exp(-(x * x + y * y) / (2 * 1.2**2))
    return stamp / stamp.sum()


def _simulated(name, shape, seeds):
    """Galaxies of one truth and different noise; and the truth, (P,)."""
    component = Component("galaxy", name)
    usual = PLACE | shape
    values = np.array([usual[p.name] for p in component.parameters])
    renderer = Renderer(Model((component,)), (SIDE, SIDE), torch.tensor(_psf())[None], dtype=torch.float64)
    clean = renderer.image(torch.tensor(values)[None])[0].numpy()
    variance = clean.clip(0) + 0.03 * clean.max()
    sigma = np.sqrt(variance * (clean**2 / variance).sum()) / SIGNAL_TO_NOISE
    galaxies = [
        Galaxy.from_arrays(
            clean + np.random.default_rng(seed).normal(size=clean.shape) * sigma,
            sigma,
            _psf(),
            name=f"{seed}",
        )
        for seed in seeds
    ]
    return galaxies, values


@pytest.mark.parametrize("name", TRUTH)
def test_recovered_from_the_measured_start(name):
    galaxies, truth = _simulated(name, TRUTH[name], range(4))
    component = Component("galaxy", name)
    if name == "mge":
        # Its widths are held: at what is measured, unless they are given.
        component = component.replace("s_in", start=1.5).replace("s_out", start=10.0)
    model = Model((component,))
    for fitted in fit_galaxies(galaxies, model, images=False):
        assert fitted.flags == 0
        offset = fitted.parameters - truth
        angle = model.columns.index("galaxy_pa")
        offset[angle] = (offset[angle] + 90.0) % 180.0 - 90.0
        free = list(model.free)
        assert np.isfinite(fitted.errors[free]).all()
        assert (np.abs(offset[free]) < 4.0 * fitted.errors[free]).all()
        assert fitted.iterations <= 20


@pytest.mark.parametrize("n", [1.0, 2.5])
def test_multi_gaussian_expansion_of_a_sersic_galaxy(n):
    """Six Gaussians of measured widths describe it within the noise, and its light and size."""
    galaxies, _ = _simulated("sersic", {"r_eff": 7.0, "n": n}, range(3))
    model = Model((Component("galaxy", "mge"),))
    for fitted in fit_galaxies(galaxies, model, images=False):
        assert fitted.chi2_nu < 1.03
        shape = {p.name: fitted.value(f"galaxy_{p.name}") for p in model.components[0].declaration.shape}
        assert fitted.value("galaxy_mag") == pytest.approx(-10.0, abs=0.05)
        assert half_light.find("mge", shape).radius == pytest.approx(7.0, rel=0.06)
        assert fitted.value("galaxy_q") == pytest.approx(0.7, abs=0.02)


def test_multi_gaussian_expansion_with_ellipticity_that_changes():
    """Three Gaussian components with one centre, recovered in flux, width and axis ratio."""
    components = multi_gaussian(3, 3.0, 24.0)
    model = Model(components)
    truth = dict.fromkeys(model.columns, 0.0)
    for k, (q, flux) in enumerate(zip((0.9, 0.7, 0.5), (0.3, 0.4, 0.3), strict=True)):
        values = {"x": 39.4, "y": 40.3, "mag": -10.0 - 2.5 * math.log10(flux), "fwhm": 3.0 * 8.0 ** (k / 2)}
        truth |= {f"gauss{k + 1}_{key}": value for key, value in (values | {"q": q, "pa": 35.0}).items()}
    values = np.array(list(truth.values()))
    psf = _psf()
    renderer = Renderer(model, (SIDE, SIDE), torch.tensor(psf)[None], dtype=torch.float64)
    clean = renderer.image(torch.tensor(values)[None])[0].numpy()
    sigma = np.full(clean.shape, math.sqrt((clean**2).sum()) / SIGNAL_TO_NOISE)
    noise = np.random.default_rng(3).normal(size=clean.shape) * sigma
    (fitted,) = fit_galaxies([Galaxy.from_arrays(clean + noise, sigma, psf)], model, images=False)
    assert fitted.flags == 0
    offset = (fitted.parameters - values)[list(model.free)]
    assert (np.abs(offset) < 4.0 * fitted.errors[list(model.free)]).all()
