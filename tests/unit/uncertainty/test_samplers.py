"""Moves of the ensemble on densities known in closed form; limits and ties of the target."""

from __future__ import annotations

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from galviewer import Galaxy, fit_galaxies, model
from galviewer.model import Component, Model, Tie, normal
from galviewer.run import uncertainties
from galviewer.uncertainty import Target, ensemble, single

COVARIANCE = torch.tensor([[1.0, 0.6, 0.0], [0.6, 2.0, -0.5], [0.0, -0.5, 0.5]], dtype=torch.float64)


def _gaussian(told):
    """A normal distribution of three parameters whose spread is told wrong by a factor."""
    root = torch.linalg.cholesky(COVARIANCE)

    def scattered(walkers, generator):
        return torch.randn(6, walkers, 3, dtype=torch.float64, generator=generator) @ root.T

    return SimpleNamespace(
        free=torch.arange(3),
        best=torch.zeros(6, 3, dtype=torch.float64),
        scattered=scattered,
        spread=lambda: told * root.expand(6, 3, 3),
        log_probability=lambda _, x: -0.5 * torch.linalg.solve(COVARIANCE, x.T).T.mul(x).sum(1),
    )


@pytest.mark.parametrize(("jumps", "told"), [(0.0, 1.0), (1.0, 0.7), (1.0, 1.6)])
def test_each_move_keeps_the_density(monkeypatch, jumps, told):
    monkeypatch.setattr(ensemble, "JUMPS", jumps)
    chains = ensemble.sample(_gaussian(told), steps=500, burn=50, seed=4)  # pyright: ignore[reportArgumentType]
    flat = chains.values.reshape(-1, 3)
    assert float(flat.mean(0).abs().max()) < 0.1
    found = torch.cov(flat.T)
    # 96000 draws, of which a few thousand are independent.
    np.testing.assert_allclose(found.diagonal() / COVARIANCE.diagonal(), 1.0, atol=0.08)
    np.testing.assert_allclose(found, COVARIANCE, atol=0.12)
    far = (torch.linalg.solve(COVARIANCE, flat.T).T * flat).sum(1)
    # Of a chi-square distribution of three degrees of freedom, 4.6 % lie beyond 8.
    assert float((far > 8.0).double().mean()) == pytest.approx(0.046, abs=0.012)


def _sky(**changes):
    rng = np.random.default_rng(2)
    tilted = Model((Component("sky", "tilted_sky"),))
    for column, change in changes.items():
        tilted = tilted.replace(column, **change)
    galaxy = Galaxy.from_arrays(rng.normal(1.0, 0.5, (9, 9)), np.full((9, 9), 0.5), name="sky")
    return fit_galaxies([galaxy], tilted, starts=[np.array([0.9, 0.0, 0.0])])[0]


def test_the_target_ends_where_it_should():
    """Bounds of the parameter, limits of its prior, given ranges."""
    fit = _sky(
        sky_level={"lower": 0.0, "upper": 2.0},
        sky_slope_x={"prior": normal(0.0, 0.1, -0.3, 0.4)},
    )
    target = uncertainties._target([fit], None, {"sky_slope_y": (-0.2, 0.5), "sky_level": (-5.0, 1.8)})
    assert target.lower[0].tolist() == [0.0, -0.3, -0.2]
    assert target.upper[0].tolist() == [1.8, 0.4, 0.5]
    best = torch.as_tensor(fit.parameters)
    chosen = best.repeat(7, 1)
    for f in range(3):
        chosen[1 + 2 * f, f], chosen[2 + 2 * f, f] = target.lower[0, f] - 1e-6, target.upper[0, f] + 1e-6
    found = target.log_probability(torch.zeros(7, dtype=torch.long), chosen)
    assert math.isfinite(float(found[0]))
    assert (found[1:] == -math.inf).all()


def test_ln_probability_is_minus_half_the_cost():
    fit = _sky()
    target = uncertainties._target([fit], None, None)
    chosen = np.tile(fit.parameters, (2, 1))
    chosen[1, 0] += 0.2
    found = target.log_probability(torch.zeros(2, dtype=torch.long), torch.as_tensor(chosen))
    y, x = np.mgrid[:9, :9] - 4.0
    expected = [
        -0.5 * np.sum(((fit.galaxy.image - level - along * x - up * y) / 0.5) ** 2)
        for level, along, up in chosen
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_all_parameters_are_those_of_the_galaxy():
    """Fixed ones from its own best fit, tied ones with their offset."""
    fitted = model.template("sersic").replace("sersic_y", tied=Tie("sersic.x", 1.0, 0.5))
    fitted = fitted.replace("sersic_n", fixed=True, start=1.0)
    best = torch.arange(16, dtype=torch.float64).reshape(2, 8)
    free = torch.tensor(fitted.free)
    matrix, offset = (torch.as_tensor(part, dtype=torch.float64) for part in fitted.affine)
    ends = torch.zeros(2, len(free))
    target = Target(None, best, free, ends, ends, matrix, offset)  # pyright: ignore[reportArgumentType]
    found = single.everything(target, best[1, free].numpy()[None, None] + 0.25, 1)[0, 0]
    assert found[fitted.index("sersic_x")] == 8.25
    assert found[fitted.index("sersic_y")] == 8.75
    assert found[fitted.index("sersic_n")] == 12.0


def test_the_target_ends_at_each_galaxy_s_own_bounds():
    fit = _sky()
    problem, _ = uncertainties._problem([fit], None)
    ends = torch.tensor([[-math.inf, -0.1, -0.2]]), torch.tensor([[1.5, math.inf, 0.3]])
    target = Target.of(dataclasses.replace(problem, bounds=ends), torch.as_tensor(fit.parameters)[None])
    assert target.lower[0].tolist() == pytest.approx([-math.inf, -0.1, -0.2])
    assert target.upper[0].tolist() == pytest.approx([1.5, math.inf, 0.3])
