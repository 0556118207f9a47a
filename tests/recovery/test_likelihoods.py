"""Bias of fitted fluxes where noise is not normal: few counts, and pixels that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.fit import FitSettings, Likelihood, Problem, fit
from galviewer.render import Renderer

SERSIC = model.template("sersic")
SIDE, MANY = 61, 100


def _psf():
    y, x = np.mgrid[:15, :15] - 7
    stamp = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return torch.tensor(stamp / stamp.sum())


def _images(values):
    return Renderer(SERSIC, (SIDE, SIDE), _psf(), dtype=torch.float64).image(values)


def _truths(peak, seed=1):
    """Galaxies of r_eff 6 to 10 pixels and n 0.8 to 1.5 whose brightest pixel is `peak`."""
    draw = np.random.default_rng(seed)
    rows = [
        [
            30.0 + draw.uniform(-0.5, 0.5), 30.0 + draw.uniform(-0.5, 0.5), 0.0, draw.uniform(6.0, 10.0),
            draw.uniform(0.8, 1.5), draw.uniform(0.4, 0.9), draw.uniform(0.0, 180.0), 0.0,
        ]
        for _ in range(MANY)
    ]  # fmt: skip
    values = torch.tensor(rows, dtype=torch.float64)
    values[:, 2] = -2.5 * torch.log10(peak / _images(values).amax((1, 2)))
    return values


def _bias(likelihood, truth, image, sigma, sky_level=0.0):
    """Fitted over true flux of all galaxies together, less 1; from starts that are off."""
    starts = truth.clone()
    starts[:, 0] += 0.4
    starts[:, 2] += 0.2
    starts[:, 3] *= 1.2
    starts[:, 4] *= 0.85
    mask = torch.zeros_like(image, dtype=torch.bool)
    image, sigma, psf = image.float(), sigma.float(), _psf()[None].float()
    problem = Problem.of(
        SERSIC, image, sigma, mask, psf, torch.zeros(1), likelihood=likelihood, gain=1.0, sky_level=sky_level
    )
    result = fit(problem, starts, FitSettings())
    flux, true = (10 ** (-0.4 * v[:, 2]) / 10 ** (-0.4 * truth[:, 2]) for v in (result.values, truth))
    return float((flux / true).median()) - 1.0, result


@pytest.fixture(scope="module")
def counts():
    """Ten electrons at the peak on a sky of one half that was subtracted; sigma from the data."""
    truth, sky = _truths(10.0), 0.5
    expected = (_images(truth) + sky).clamp_min(0.0)
    drawn = torch.poisson(expected, generator=torch.Generator().manual_seed(3))
    return truth, drawn - sky, drawn.clamp_min(1.0).sqrt(), sky


@pytest.mark.parametrize("kind", ["poisson", "pearson"])
def test_few_counts_are_unbiased(counts, kind):
    truth, image, sigma, sky = counts
    bias, result = _bias(Likelihood(kind), truth, image, sigma, sky)
    assert result.flags.tolist() == [0] * MANY
    assert abs(bias) < 0.01


def test_chi_square_with_variance_from_the_data_is_biased(counts):
    truth, image, sigma, _ = counts
    assert -0.45 < _bias(Likelihood(), truth, image, sigma)[0] < -0.25


@pytest.fixture(scope="module")
def outliers():
    """Every tenth pixel too bright by 5 to 20 sigma, under galaxies with a peak of 115 sigma."""
    truth, generator = _truths(115.0), torch.Generator().manual_seed(4)
    image = _images(truth)
    noise = torch.randn(image.shape, generator=generator, dtype=torch.float64)
    wrong = torch.rand(image.shape, generator=generator) < 0.1
    extra = 5.0 + 15.0 * torch.rand(image.shape, generator=generator, dtype=torch.float64)
    return truth, image + noise + wrong * extra, torch.ones_like(image)


@pytest.mark.parametrize("nu", [1.5, None], ids=["given", "fitted"])
def test_students_t_resists_outliers(outliers, nu):
    bias, result = _bias(Likelihood("student_t", nu), *outliers)
    assert result.flags.tolist() == [0] * MANY
    assert abs(bias) < 0.02
    assert bool((result.student_nu < 4.0).all())


def test_outliers_spoil_chi_square(outliers):
    assert 0.1 < _bias(Likelihood(), *outliers)[0] < 0.3


def test_density_of_chi_square_agrees_above_its_peak_and_pulls_below():
    """Sigma too small: the same best fit. Sigma too large: chi2 ends at k - 2, away from the best fit."""
    truth = _truths(150.0)[:20]
    generator = torch.Generator().manual_seed(5)
    image = _images(truth)
    image = image + torch.randn(image.shape, generator=generator, dtype=torch.float64)
    kind = Likelihood("chi2_distribution")
    for scale in (0.8, 1.25):
        sigma = torch.full_like(image, scale)
        plain, other = (_bias(which, truth, image, sigma)[1] for which in (Likelihood(), kind))
        if scale < 1.0:
            near = (other.values - plain.values)[:, :6].abs()
            torch.testing.assert_close(other.chi2, plain.chi2, rtol=0, atol=0.1)
            assert float(near.max()) < 0.05
            torch.testing.assert_close(other.normal, plain.normal, rtol=0.05, atol=1e3)
            continue
        peak = (plain.n_pixels - 7 - 2).double()
        assert bool((plain.chi2 < peak).all())
        torch.testing.assert_close(other.chi2, peak, rtol=0, atol=1.0)
        assert bool((other.chi2 > plain.chi2 + 100.0).all())
