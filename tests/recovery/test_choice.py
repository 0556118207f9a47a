"""The model chosen for simulated galaxies of known kind; blends fitted together with their neighbours."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import galsim
import numpy as np
import pytest

from galviewer.model import Component, Model
from galviewer.run.choice import choose, neighbours_of
from galviewer.run.sanity import objections
from galviewer.run.single import Workbench, fit_galaxies
from galviewer.survey import Galaxy

sys.path.insert(0, str(Path(__file__).parent))
import mixtures

CLEAR = 20.0
"""Difference in BIC, for the mean of the noise, from which a kind is clear (10 is called very strong)."""


@pytest.fixture(scope="module")
def chosen():
    """Six galaxies of each kind: kind, clearness, the fit chosen, the parameters they were drawn with."""
    found = []
    for kind in mixtures.KINDS:
        simulated = [mixtures.simulate(kind, 40 + k) for k in range(6)]
        fits = choose([galaxy for galaxy, _, _ in simulated])
        for fit, (_, clean, values) in zip(fits, simulated, strict=True):
            found.append((kind, mixtures.clearness(kind, clean, values), fit, values))
    return found


@pytest.mark.slow
def test_clear_cases_get_the_model_they_were_drawn_with(chosen):
    clear = [(kind, fit) for kind, clearness, fit, _ in chosen if clearness > CLEAR]
    wrong = [(kind, fit.model.name, fit.choice.reason) for kind, fit in clear if fit.model.name != kind]
    assert len(clear) >= 20
    assert len(wrong) <= 0.05 * len(clear), wrong


@pytest.mark.slow
def test_the_parameters_are_those_of_the_truth(chosen):
    """Relabelling put bulge, bar and disk where they belong."""
    pulls = []
    for kind, clearness, fit, values in chosen:
        if clearness > CLEAR and fit.model.name == kind and kind != "sersic":
            names = [c.name for c in fit.model.components]
            pulls += [(fit.value(f"{n}_mag") - values[f"{n}_mag"]) / fit.error(f"{n}_mag") for n in names]
    assert np.abs(np.median(pulls)) < 0.4
    assert np.mean(np.abs(pulls) < 4.0) > 0.95


@pytest.mark.slow
def test_the_choice_is_told(chosen):
    for _, _, fit, _ in chosen:
        assert fit.model.name in fit.choice.reason
        assert fit.choice.tried[fit.model.name] == fit.choice.bic
        assert not objections(fit)


def test_a_sky_is_added_where_there_is_one():
    galaxies = [mixtures.simulate("sersic", 70, sky=sky)[0] for sky in (0.0, 0.5)]
    assert [fit.model.name for fit in choose(galaxies)] == ["sersic", "sersic+sky"]
    assert choose(galaxies[:1], "auto+sky")[0].model.name == "sersic+sky"
    assert choose(galaxies[1:], "auto-sky")[0].model.name.count("sky") == 0


@pytest.mark.parametrize("kind", ["sersic", "sersic+point", "bulge+disk"])
def test_galaxies_of_another_renderer(kind):
    """Drawn by GalSim with another PSF shape and even sides."""
    psf = galsim.Moffat(beta=2.6, fwhm=2.8)
    disk = galsim.Exponential(half_light_radius=9.0, flux=26_000.0).shear(q=0.5, beta=2.0 * galsim.radians)
    flat = galsim.Sersic(n=1.0, half_light_radius=7.0, flux=32_000.0).shear(q=0.7, beta=1.0 * galsim.radians)
    single = galsim.Sersic(n=2.5, half_light_radius=6.0, flux=40_000.0)
    parts = {
        "sersic": [single.shear(q=0.6, beta=0.3 * galsim.radians)],
        "sersic+point": [flat, galsim.DeltaFunction(flux=6_000.0)],
        "bulge+disk": [disk, galsim.Sersic(n=3.0, half_light_radius=2.2, flux=14_000.0)],
    }[kind]
    light = galsim.Convolve(galsim.Sum(parts), psf)
    image = light.drawImage(nx=100, ny=90, scale=1.0, dtype=float).array
    sigma = np.sqrt(1.0 + np.maximum(image, 0.0) / 50.0)
    noisy = image + np.random.default_rng(5).normal(size=image.shape) * sigma
    stamp = psf.drawImage(nx=51, ny=51, scale=1.0, dtype=float).array
    galaxy = Galaxy.from_arrays(noisy, sigma, stamp, zeropoint=25.0)
    assert fit_galaxies([galaxy], "auto")[0].model.name == kind


def test_galaxies_without_a_psf_have_no_point_source():
    galaxy = replace(mixtures.simulate("bulge+disk", 41)[0], psf=None)
    fit = choose([galaxy])[0]
    assert "failed" not in fit.choice.reason
    assert not any("point" in name for name in fit.choice.tried)


def blend(seed: int) -> tuple[Galaxy, np.ndarray]:
    """Two Sérsic galaxies, two to three half-light radii apart, and all their parameters."""
    rng = np.random.default_rng(seed)
    centre, (size, other) = 49.5, (rng.uniform(5, 8), rng.uniform(3, 6))
    distance, angle = rng.uniform(2.0, 3.2) * max(size, other), rng.uniform(0, 2 * np.pi)
    mag = rng.uniform(15, 16)
    values = [
        centre, centre, mag, size, rng.uniform(0.8, 3), rng.uniform(0.5, 0.95), rng.uniform(0, 180), 0.0,
        centre + distance * np.cos(angle), centre + distance * np.sin(angle), mag + rng.uniform(0, 1), other,
        rng.uniform(0.8, 2.5), rng.uniform(0.5, 0.95), rng.uniform(0, 180), 0.0,
    ]  # fmt: skip
    model = Model((Component("sersic", "sersic"), Component("neighbour1", "sersic")))
    empty = Galaxy.from_arrays(
        rng.normal(size=(100, 100)), np.ones((100, 100)), mixtures.psf(2.8), zeropoint=25.0, name=f"b{seed}"
    )
    light = Workbench(empty, model).render(np.array(values)).sum(0).astype(float)
    sigma = np.sqrt(1.0 + light / 50.0)
    return replace(empty, image=light + rng.normal(size=light.shape) * sigma, sigma=sigma), np.array(values)


def test_blends_are_unbiased_when_fitted_together():
    blends = [blend(k) for k in range(12)]
    galaxies, truth = [galaxy for galaxy, _ in blends], np.array([values for _, values in blends])
    ignored = fit_galaxies(galaxies, "sersic", images=False)
    together = fit_galaxies(galaxies, "sersic", images=False, neighbours="auto")
    assert all(neighbours_of(fit) == ("neighbour1",) for fit in together)
    offset = np.array([fit.value("sersic_mag") for fit in together]) - truth[:, 2]
    errors = np.array([fit.error("sersic_mag") for fit in together])
    assert abs(np.median(offset)) < 0.02
    assert 0.6 < (offset / errors).std() < 1.5  # 12 blends: 1 +- 0.2
    others = np.array([fit.value("neighbour1_mag") for fit in together]) - truth[:, 10]
    assert abs(np.median(others)) < 0.02
    assert np.median([fit.value("sersic_mag") for fit in ignored] - truth[:, 2]) < -0.2
