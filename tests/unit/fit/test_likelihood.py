"""Likelihoods: cost against scipy, exact slopes, limits, expected counts of zero and below."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.optimize import minimize_scalar

from galviewer.errors import SettingsError
from galviewer.fit import LIKELIHOODS, FitSettings, Likelihood
from galviewer.fit.likelihood import Pixels, fitted_nu, of_distribution, terms

PIXELWISE = [Likelihood("chi2"), Likelihood("poisson"), Likelihood("pearson")]
PIXELWISE += [Likelihood("student_t", 3.0), Likelihood("student_t")]


def _pixels(model, seed=3, read_noise=0.4, gain=2.5, count=None):
    """Counts drawn around 3 to 40 electrons, two of 60 pixels ignored, and any model."""
    draw = np.random.default_rng(seed)
    truth = np.linspace(1.2, 16.0, 60)
    data = torch.tensor(draw.poisson(truth * gain)[None] / gain - 0.5)
    weight = torch.tensor(1.0 / np.sqrt(truth / gain))[None].clone()
    weight[:, [4, 40]] = 0.0
    used = (weight > 0).double()
    one = torch.ones(1, 1, dtype=torch.float64)
    count = used if count is None else used * count
    return Pixels(data, model, weight, count, gain * one, 0.5 * one, read_noise * one)


def _model(factor=1.1):
    return torch.linspace(1.2, 16.0, 60, dtype=torch.float64)[None] * factor - 0.5


@pytest.mark.parametrize("likelihood", PIXELWISE, ids=lambda it: f"{it.kind}-{it.nu}")
@pytest.mark.parametrize("drawn", [False, True], ids=["once", "drawn again"])
def test_slopes_are_those_of_the_cost(likelihood, drawn):
    count = torch.tensor(np.random.default_rng(1).integers(0, 4, 60), dtype=torch.float64) if drawn else None
    model = _model().requires_grad_()
    found = terms(likelihood, _pixels(model, count=count))
    if likelihood.kind == "student_t" and likelihood.nu is None:
        step, numbers = 1e-5, []
        for k in range(60):
            nudge = torch.zeros(1, 60, dtype=torch.float64)
            nudge[0, k] = step
            high, low = (
                terms(likelihood, _pixels(_model() + s * nudge, count=count)).cost for s in (1.0, -1.0)
            )
            numbers.append(float(high - low) / (2.0 * step))
        gradient = torch.tensor([numbers], dtype=torch.float64)
        torch.testing.assert_close(-2.0 * found.slope.detach(), gradient, rtol=1e-5, atol=1e-5)
        return
    (gradient,) = torch.autograd.grad(found.cost.sum(), model)
    torch.testing.assert_close(-2.0 * found.slope, gradient, rtol=1e-9, atol=1e-9)
    assert bool((found.slope[0, [4, 40]] == 0).all() and (found.curvature[0, [4, 40]] == 0).all())


@pytest.mark.parametrize("likelihood", PIXELWISE[:4], ids=lambda it: it.kind)
def test_curvature_is_what_is_expected(likelihood):
    """Mean over noise of the second derivative, at the truth."""
    draw = np.random.default_rng(5)
    size, level, gain = 400_000, 9.0, 2.5
    one = torch.ones(1, 1, dtype=torch.float64)
    if likelihood.kind == "student_t":
        data = level + 0.7 * draw.standard_t(3.0, size)
    else:
        data = draw.poisson(level * gain, size) / gain
    weight = torch.full((1, size), 1.0 / 0.7, dtype=torch.float64)
    data = torch.tensor(data)[None]
    second, step = [], 1e-3
    for place in (level - step, level, level + step):
        model = torch.full_like(data, place)
        pixels = Pixels(data, model, weight, torch.ones_like(data), gain * one, 0 * one, 0 * one)
        second.append(terms(likelihood, pixels))
    slopes = [float(found.slope.mean()) for found in second]
    assert -(slopes[2] - slopes[0]) / (2 * step) == pytest.approx(float(second[1].curvature.mean()), rel=0.01)


def test_poisson_cost_is_that_of_scipy():
    pixels, other = _pixels(_model(1.1)), _pixels(_model(0.8))
    used = pixels.weight[0] > 0

    def expected(model):
        counts, gain = np.rint((pixels.data[0].numpy() + 0.5) * 2.5), 2.5
        return -2.0 * stats.poisson.logpmf(counts, (model[0].numpy() + 0.5) * gain)[used].sum()

    likelihood = Likelihood("poisson")
    difference = terms(likelihood, pixels).cost - terms(likelihood, other).cost
    assert float(difference) == pytest.approx(expected(pixels.model) - expected(other.model), rel=1e-9)
    perfect = terms(likelihood, _pixels(pixels.data.clone()))
    assert float(perfect.cost) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("nu", [1.0, 3.0, 30.0])
def test_student_cost_is_that_of_scipy(nu):
    pixels = _pixels(_model())
    used = pixels.weight[0] > 0
    pull = ((pixels.data - pixels.model) * pixels.weight)[0][used].numpy()
    expected = -2.0 * stats.t.logpdf(pull, nu).sum() - len(pull) * math.log(2.0 * math.pi)
    assert float(terms(Likelihood("student_t", nu), pixels).cost) == pytest.approx(expected, rel=1e-10)


def test_student_becomes_chi_square():
    pixels = _pixels(_model())
    far, plain = terms(Likelihood("student_t", 1e7), pixels), terms(Likelihood("chi2"), pixels)
    torch.testing.assert_close(far.cost, plain.cost, rtol=1e-4, atol=0)
    torch.testing.assert_close(far.curvature, plain.curvature, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("nu", [0.8, 1.5, 4.0, 20.0])
def test_fitted_nu_is_the_most_likely(nu):
    draw = np.random.default_rng(int(10 * nu))
    pulls = draw.standard_t(nu, (2, 3000))
    found = fitted_nu(torch.tensor(pulls**2), torch.ones(2, 3000, dtype=torch.float64))
    for k in range(2):
        best = minimize_scalar(
            lambda t, k=k: -stats.t.logpdf(pulls[k], math.exp(t)).sum(), bounds=(-0.6, 6.9), method="bounded"
        )
        assert float(found[k]) == pytest.approx(math.exp(best.x), rel=1e-3)


def test_a_pixel_drawn_again_counts_again_for_nu():
    """Counts 0 to 3 say the same as pixels left out and repeated; those left out may hold anything."""
    draw = np.random.default_rng(8)
    pulls, count = draw.standard_t(3.0, 2000), draw.integers(0, 4, 2000)
    square = np.where(count > 0, pulls**2, np.nan)
    found = fitted_nu(torch.tensor(square)[None], torch.tensor(count, dtype=torch.float64)[None])
    repeated = torch.tensor(np.repeat(pulls, count) ** 2)[None]
    assert float(found) == pytest.approx(float(fitted_nu(repeated, torch.ones_like(repeated))), rel=1e-6)


def test_nu_of_normal_noise_and_of_a_broken_galaxy():
    pulls = torch.tensor(np.random.default_rng(2).normal(size=(3, 5000)))
    pulls[1] = torch.nan
    pulls[2] = 0.3 * pulls[2]
    found = fitted_nu(pulls**2, torch.ones_like(pulls))
    assert float(found[0]) > 50.0
    assert float(found[2]) == pytest.approx(1000.0, rel=1e-5)
    alone = fitted_nu(pulls[:1] ** 2, torch.ones_like(pulls[:1]))
    torch.testing.assert_close(found[:1], alone, rtol=1e-5, atol=0)


@pytest.mark.parametrize("kind", ["poisson", "pearson"])
def test_no_light_expected_costs_much_but_not_everything(kind):
    """Slopes stay exact, finite, and lead back up where the expected count is negative."""
    model = torch.linspace(-3.0, 2.0, 60, dtype=torch.float64)[None].requires_grad_()
    found = terms(Likelihood(kind), _pixels(model, read_noise=0.0))
    (gradient,) = torch.autograd.grad(found.cost.sum(), model)
    torch.testing.assert_close(-2.0 * found.slope, gradient, rtol=1e-9, atol=1e-6)
    assert bool(torch.isfinite(found.cost).all())
    used = (found.curvature > 0) & (model < -0.5)
    assert bool((found.slope[used] > 0).all())
    empty = _pixels(torch.full((1, 60), 1e-3 - 0.5, dtype=torch.float64), read_noise=0.0)
    empty.data[:] = -0.5
    assert float(terms(Likelihood(kind), empty).cost) == pytest.approx(2.0 * 58 * 2.5e-3, rel=1e-3)


def test_pearson_knows_the_read_noise():
    """Far below the read noise all pixels weigh the same, far above as by the counts."""
    one = torch.ones(1, 1, dtype=torch.float64)
    model = torch.tensor([[0.01, 0.02, 4000.0]], dtype=torch.float64)
    pixels = Pixels(model, model, torch.ones_like(model), torch.ones_like(model), 2 * one, 0 * one, 5 * one)
    curvature = terms(Likelihood("pearson"), pixels).curvature[0]
    torch.testing.assert_close(curvature[:2], torch.full((2,), 1 / 25.0).double(), rtol=2e-3, atol=0)
    assert float(curvature[2]) == pytest.approx(2.0 / 4000.0, rel=0.02)


@pytest.mark.parametrize("chi2", [80.0, 98.0, 130.0])
def test_density_of_chi_square(chi2):
    value, k = torch.tensor([chi2], dtype=torch.float64), torch.tensor([100.0], dtype=torch.float64)
    gradient, normal = torch.tensor([[1.0, -2.0]]).double(), torch.eye(2).double()[None]
    cost, slope, bend = of_distribution(value, gradient, normal, k)
    assert float(cost) == pytest.approx(-2.0 * stats.chi2.logpdf(chi2, 100), rel=1e-12)
    torch.testing.assert_close(slope, gradient * (1.0 - 98.0 / chi2))
    assert bool((torch.linalg.eigvalsh(bend) >= -1e-12).all())


@pytest.mark.parametrize("place", [4.0, 0.3])
def test_curvature_of_the_density_of_chi_square(place):
    """Chi-square a parabola above its density's peak: gradient and curvature are exact."""

    def at(x):
        chi2, slope = 120.0 + 9.0 * (x - 1.0) ** 2, -9.0 * (x - 1.0)
        row = torch.tensor([slope], dtype=torch.float64)
        return of_distribution(
            torch.tensor([chi2], dtype=torch.float64), row[None], 9.0 * torch.ones(1, 1, 1).double(),
            torch.tensor([100.0], dtype=torch.float64),
        )  # fmt: skip

    step = 1e-3
    low, middle, high = at(place - step), at(place), at(place + step)
    assert float(middle[1]) == pytest.approx(-0.25 * float(high[0] - low[0]) / step, rel=1e-5)
    assert float(middle[2]) == pytest.approx(-0.5 * float(high[1] - low[1]) / step, rel=1e-5)


def test_settings_name_what_is_wrong():
    with pytest.raises(SettingsError, match="likelihood: is 'cash'; expected chi2 or poisson"):
        FitSettings(likelihood="cash")
    with pytest.raises(SettingsError, match="student_nu"):
        FitSettings(likelihood="student_t", student_nu=-1.0)
    with pytest.raises(SettingsError, match="method"):
        FitSettings(method="amoeba")
    assert {FitSettings(likelihood=kind).likelihood for kind in LIKELIHOODS} == set(LIKELIHOODS)
