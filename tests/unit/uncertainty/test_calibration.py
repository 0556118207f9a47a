"""What a calibration counts, on pulls that are known; priors as evidence sees them, against scipy."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats

from galviewer import flags
from galviewer.model import Prior, lognormal, normal, template
from galviewer.run import calibration
from galviewer.uncertainty import single

SERSIC = template("sersic")


def _fit(shift, bits=0):
    """A fit whose parameters lie so many errors (of 0.5) above 1; the first has no error."""
    errors = np.full(8, 0.5)
    errors[0] = np.nan
    return SimpleNamespace(model=SERSIC, flags=int(bits), errors=errors, parameters=1.0 + shift * errors)


def test_failed_fits_and_missing_errors_are_left_out(monkeypatch):
    shifts = [-3.0, -1.8, -0.9, 0.1, 0.2, 0.3, 0.95, 1.1, 1.7, 50.0]
    fits = [_fit(shift) for shift in shifts[:-1]] + [_fit(shifts[-1], flags.Flag.NOT_CONVERGED)]
    monkeypatch.setattr(calibration, "_fitted", lambda *_: [([np.ones(8)] * 10, fits)])
    template_ = calibration.Template(None, SERSIC, np.ones(8))  # pyright: ignore[reportArgumentType]
    found = calibration.calibrate([template_], 10)
    assert (found.simulated, found.failed) == (10, 1)
    assert [row.parameter for row in found.rows] == [SERSIC.columns[k] for k in SERSIC.free[1:]]
    for row in found.rows:
        assert (row.galaxies, row.coverage68, row.coverage95) == (9, 5 / 9, 8 / 9)
        assert (row.pull_median, row.bias, row.error) == pytest.approx((0.2, 0.1, 0.5))
        assert row.binomial68 == pytest.approx(np.sqrt(0.6827 * 0.3173 / 9))


def test_pulls_of_a_normal_distribution():
    pulls = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)
    row = calibration._row("a", "mag", np.stack([0.3 * pulls, np.full(2000, 0.3)], 1))
    assert row.coverage68 == pytest.approx(0.6827, abs=1e-3)
    assert row.coverage95 == pytest.approx(0.95, abs=1e-3)
    assert row.pull_width == pytest.approx(1.0, abs=2e-3)


def test_an_angle_is_off_by_the_shorter_way():
    fit, truth, pa = _fit(0.0), np.ones(8), SERSIC.index("sersic_pa")
    fit.parameters[pa], truth[pa] = 1.0, 179.0
    found = {column: offset for column, _, offset, _ in calibration._offsets(fit, truth)}
    assert found["sersic_pa"] == pytest.approx(2.0)


def _target(column: str, prior: Prior, low: float, high: float):
    fitted = SERSIC.replace(column, prior=prior)
    ends = [torch.full((1, 7), end, dtype=torch.float64) for end in (low, high)]
    return SimpleNamespace(model=fitted, lower=ends[0], upper=ends[1]), fitted.free.index(
        fitted.index(column)
    )


def test_evidence_draws_from_the_prior_between_its_limits():
    unit = torch.linspace(0.01, 0.99, 9, dtype=torch.float64)
    target, f = _target("sersic_mag", normal(18.0, 0.4), 17.5, 18.2)
    expected = stats.truncnorm.ppf(unit, -1.25, 0.5, 18.0, 0.4)
    np.testing.assert_allclose(single._transform(target, f)(unit), expected)
    target, f = _target("sersic_n", lognormal(2.0, 0.3), 1.5, 4.0)
    ends = (np.log([1.5, 4.0]) - np.log(2.0)) / 0.3
    expected = np.exp(stats.truncnorm.ppf(unit, *ends, np.log(2.0), 0.3))
    np.testing.assert_allclose(single._transform(target, f)(unit), expected)
    target, f = _target("sersic_pa", normal(5.0, 10.0), 95.0, 275.0)
    np.testing.assert_allclose(single._transform(target, f)(torch.tensor([0.5]).double()), 185.0)


def test_what_priors_cost_in_evidence():
    place = torch.ones(1, 7, dtype=torch.float64)
    for column, prior, value, expected in (
        ("sersic_mag", normal(18.0, 0.4), 18.6, 2.25),
        ("sersic_n", lognormal(2.0, 0.3), 3.0, (np.log(1.5) / 0.3) ** 2),
        ("sersic_pa", normal(5.0, 10.0), 170.0, 2.25),
    ):
        target, f = _target(column, prior, 0.0, 1.0)
        place[0, f] = value
        assert float(single._prior_cost(target, place)) == pytest.approx(expected)
