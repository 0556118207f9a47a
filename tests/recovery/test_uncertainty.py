"""Errors against truth: coverage of simulated galaxies, samplers against the covariance and each other."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import galviewer
from galviewer import FitSettings, Galaxy, Workbench, fit_galaxies
from galviewer.errors import SettingsError
from galviewer.model import Component, Model, normal, template
from galviewer.run.calibration import Template, calibrate

SIDE = 36


def _psf(side=15, width=1.1):
    axis = np.arange(side) - side // 2
    stamp = np.exp(-0.5 * (axis[:, None] ** 2 + axis**2) / width**2)
    return stamp / stamp.sum()


def _templates(count, model):
    """Sersic galaxies with sky and photon noise."""
    rng, found = np.random.default_rng(4), []
    for k in range(count):
        middle = 0.5 * (SIDE - 1)
        values = {"x": middle + rng.uniform(-0.5, 0.5), "y": middle + rng.uniform(-0.5, 0.5)}
        values |= {"mag": rng.uniform(16.5, 18.0), "r_eff": rng.uniform(2.5, 5.0), "n": rng.uniform(0.8, 3.0)}
        values |= {"q": rng.uniform(0.3, 0.8), "pa": rng.uniform(0, 180), "boxiness": 0.0}
        truth = np.array([values[column.split("_", 1)[1]] for column in model.columns])
        blank = rng.normal(0, 0.02, (SIDE, SIDE))
        galaxy = Galaxy.from_arrays(blank, np.full(blank.shape, 0.02), _psf(), name=f"t{k}", zeropoint=22.5)
        light = Workbench(galaxy, model, FitSettings(dtype="float64")).render(truth).sum(0)
        sigma = np.sqrt(0.02**2 + np.maximum(light, 0) / 50.0)
        noisy = light + sigma * rng.standard_normal(light.shape)
        galaxy = Galaxy.from_arrays(noisy, sigma, _psf(), name=f"t{k}", zeropoint=22.5, pixel_scale=0.3)
        found.append(Template(galaxy, model, truth))
    return found


@pytest.fixture(scope="module")
def templates():
    return _templates(30, template("sersic"))


@pytest.mark.slow
@pytest.mark.parametrize(("errors", "galaxies"), [("covariance", 300), ("bootstrap", 60)])
def test_intervals_cover_the_truth(templates, errors, galaxies):
    found = calibrate(templates, galaxies, errors, refits=50, seed=6)
    assert found.failed == 0
    assert len(found.rows) == 7
    for row in found.rows:
        assert abs(row.coverage68 - 0.6827) < 3.0 * row.binomial68, row
        # A median scatters by 1.25, half the central 68 % by 1.2 over the root of the number.
        assert abs(row.pull_median) < 4.0 * 1.25 / math.sqrt(galaxies), row
    widths = np.array([row.pull_width for row in found.rows])
    assert abs(widths.mean() - 1.0) < (0.06 if errors == "covariance" else 0.12)


def test_a_sigma_told_wrong_is_seen(templates):
    wrong = [t._replace(galaxy=replace(t.galaxy, sigma=2.0 * t.galaxy.sigma)) for t in templates[:4]]
    right = calibrate(wrong, 40, seed=1)
    assert np.mean([row.coverage68 for row in right.rows]) == pytest.approx(0.68, abs=0.08)
    lying = FitSettings()
    from galviewer.run import calibration

    def quieter(template, *rest):
        return replace(honest(template, *rest), sigma=0.5 * template.galaxy.sigma)

    honest, calibration.simulate = calibration.simulate, quieter
    try:
        found = calibrate(wrong, 40, settings=lying, seed=1)
    finally:
        calibration.simulate = honest
    assert np.mean([row.coverage68 for row in found.rows]) < 0.5  # half the error covers 38 %
    assert np.mean([row.pull_width for row in found.rows]) == pytest.approx(2.0, rel=0.2)


@pytest.fixture(scope="module")
def bright(templates):
    """A fit of four free parameters, bright enough for a Gaussian posterior."""
    source = min(templates, key=lambda t: t.parameters[2])
    model = source.model
    for name, value in zip(("x", "y", "pa"), source.parameters[[0, 1, 6]], strict=True):
        model = model.replace(f"sersic_{name}", fixed=True, start=float(value))
    return fit_galaxies([source.galaxy], model, starts=[source.parameters])[0]


@pytest.fixture(scope="module")
def sampled(bright):
    """Draws of the same posterior by three samplers."""
    at = [bright.model.columns[k] for k in bright.model.free]
    ranges = {c: (bright.value(c) - 8 * bright.error(c), bright.value(c) + 8 * bright.error(c)) for c in at}
    return {
        "emcee": galviewer.posterior(bright, steps=150, burn=40, seed=2),
        "ensemble": galviewer.posterior([bright], steps=150, burn=40, seed=3)[0],
        "nautilus": galviewer.evidence(bright, ranges, n_live=100, n_eff=500, seed=1),
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["emcee", "ensemble", "nautilus"])
def test_samplers_agree_with_the_covariance(bright, sampled, kind):
    draws, free = sampled[kind], list(bright.model.free)
    assert draws.kind == kind
    errors = bright.errors[free]
    few = np.sqrt(draws.ess[free])
    assert (few > 15).all()
    assert (np.abs(draws.mean[free] - bright.parameters[free]) < (4.0 / few + 0.1) * errors).all()
    np.testing.assert_allclose(draws.std[free] / errors, 1.0, atol=0.1)
    correlation = np.corrcoef(draws.flat[:, free].T)
    expected = bright.covariance / np.outer(errors, errors)
    np.testing.assert_allclose(correlation, expected, atol=0.12)
    if kind != "nautilus":
        assert 0.3 < draws.acceptance < 0.9
        assert np.nanmax(draws.r_hat) < 1.05
    assert {"sersic_flux", "sersic_mu_eff"} <= set(draws.names)


def test_many_galaxies_are_sampled_as_each_alone(templates):
    fits = fit_galaxies([t.galaxy for t in templates[:3]], "sersic")
    for k, fit in enumerate(fits):
        fit.parameters[7] = 1e-5 * k  # fixed, and each galaxy's own
    draws = galviewer.posterior(fits, steps=60, burn=20, walkers=16, seed=1, derived=False)
    assert [d.values.shape for d in draws] == [(16, 60, 8)] * 3
    for fit, found in zip(fits, draws, strict=True):
        free = list(fit.model.free)
        assert (found.column("sersic_boxiness") == fit.parameters[7]).all()
        off = (found.mean - fit.parameters)[free] / fit.errors[free]
        assert np.abs(off).max() < 0.8
        assert (np.abs(np.log(found.std[free] / fit.errors[free])) < 0.5).all()


def _sky(image, model, sigma):
    galaxy = Galaxy.from_arrays(image, np.full(image.shape, sigma), name="sky")
    return fit_galaxies([galaxy], model, starts=[np.zeros(len(model.columns))])[0]


@pytest.mark.slow
def test_evidence_in_closed_form(rng):
    """Level, and level with slopes: a linear model's evidence is a Gaussian integral."""
    side, sigma = 12, 0.8
    y, x = np.mgrid[:side, :side] - 0.5 * (side - 1)
    image = 3.0 + 0.03 * x + sigma * rng.standard_normal((side, side))
    ranges = {"sky_level": (0.0, 6.0), "sky_slope_x": (-0.5, 0.5), "sky_slope_y": (-0.5, 0.5)}
    found, expected = [], []
    for profile, basis in (("flat_sky", [x * 0 + 1]), ("tilted_sky", [x * 0 + 1, x, y])):
        fit = _sky(image, Model((Component("sky", profile),)), sigma)
        own = {c: ranges[c] for c in fit.model.columns}
        found.append(galviewer.evidence(fit, own, n_live=100, n_eff=300, seed=1))
        design = np.stack([b.ravel() for b in basis], 1) / sigma
        values, rest, *_ = np.linalg.lstsq(design, image.ravel() / sigma, rcond=None)
        np.testing.assert_allclose(fit.parameters, values, atol=1e-4)
        volume = np.prod([high - low for low, high in own.values()])
        _, log_det = np.linalg.slogdet(design.T @ design / (2 * np.pi))
        expected.append(-0.5 * rest[0] - 0.5 * log_det - np.log(volume))
    for draws, value in zip(found, expected, strict=True):
        assert draws.log_evidence == pytest.approx(value, abs=0.1 + 3 * draws.log_evidence_error)
    # ln Z scatters by 1 / sqrt(300) = 0.06 in each: three standard errors of the difference.
    ratio = found[1].log_evidence - found[0].log_evidence
    assert ratio == pytest.approx(expected[1] - expected[0], abs=0.25)


def test_a_prior_weighs_in_evidence_and_posterior(rng):
    sigma, side, width = 1.0, 8, 0.05
    image = 1.0 + sigma * rng.standard_normal((side, side))
    model = Model((Component("sky", "flat_sky"),)).replace("sky_level", prior=normal(0.9, width))
    fit = _sky(image, model, sigma)
    variance = 1.0 / (side**2 / sigma**2 + width**-2)
    mean = variance * (image.sum() / sigma**2 + 0.9 / width**2)
    assert fit.parameters[0] == pytest.approx(mean, abs=1e-3 * np.sqrt(variance))
    assert fit.errors[0] == pytest.approx(np.sqrt(variance), rel=1e-4)
    draws = galviewer.posterior(fit, steps=120, burn=20, seed=1)
    assert draws.mean[0] == pytest.approx(mean, abs=0.15 * np.sqrt(variance))
    assert draws.std[0] == pytest.approx(np.sqrt(variance), rel=0.1)
    found = galviewer.evidence(fit, n_live=100, n_eff=300, seed=1)
    # The mean of the pixels is a draw from a normal distribution around the prior's mean.
    total = sigma**2 / side**2 + width**2
    chi2 = ((image - image.mean()) ** 2).sum() / sigma**2 + (image.mean() - 0.9) ** 2 / total
    expected = -0.5 * chi2 + 0.5 * np.log(sigma**2 / side**2 / total)
    assert found.log_evidence == pytest.approx(expected, abs=0.2)


def test_evidence_needs_an_end_to_every_prior(bright):
    with pytest.raises(SettingsError, match=r"sersic_mag.*give ranges"):
        galviewer.evidence(bright)


def test_a_wrong_psf_and_sky_move_the_parameters(templates):
    fit = fit_galaxies([templates[1].galaxy], "sersic")[0]
    found = galviewer.systematic(fit, psf_width=0.05, psf_ellipticity=0.02, sky_change=0.01)
    at = fit.model.index
    assert set(found.shifts) == {"psf_width", "psf_e1", "psf_e2", "sky"}
    # A wider PSF leaves less width to the galaxy; light taken away with the sky makes it fainter.
    assert found.shifts["psf_width"][at("sersic_r_eff")] < 0
    assert found.shifts["sky"][at("sersic_mag")] > 0
    np.testing.assert_allclose(found.errors**2, sum(s**2 for s in found.shifts.values()))
    sky = galviewer.systematic(fit, 0, 0, sky_change=0.0005).shifts["sky"]
    twice = galviewer.systematic(fit, 0, 0, sky_change=0.001).shifts["sky"]
    np.testing.assert_allclose(twice[[2, 3]], 2 * sky[[2, 3]], rtol=0.1)
    measured = galviewer.systematic(fit)
    assert 0 < abs(measured.shifts["sky"][at("sersic_mag")]) < 10 * fit.error("sersic_mag")
    free_sky = fit_galaxies([templates[1].galaxy], "sersic+sky")[0]
    shift = galviewer.systematic(free_sky, 0, 0, sky_change=0.01).shifts["sky"]
    assert abs(shift[at("sersic_mag")]) < 0.05 * free_sky.error("sersic_mag")
    other = galviewer.systematic(fit, 0, 0, 0.0, psfs=[_psf(width=1.15), _psf(width=1.12)])
    # Both are too wide, which makes the galaxy smaller; a scatter has no sign.
    assert (other.shifts["psf_other"][list(fit.model.free)] > 0).all()
