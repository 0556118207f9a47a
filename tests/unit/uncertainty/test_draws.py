"""Draws: percentiles, diagnostics against known chains, warnings, angles."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from galviewer.errors import SettingsError
from galviewer.model import template
from galviewer.uncertainty import Draws, unwrapped


def _chains(rng, memory, chains=8, draws=2000):
    """First-order autoregressive chains with unit variance and that memory from step to step."""
    values = np.empty((chains, draws, 1))
    values[:, 0, 0] = rng.standard_normal(chains)
    for k in range(1, draws):
        values[:, k, 0] = memory * values[:, k - 1, 0] + np.sqrt(1 - memory**2) * rng.standard_normal(chains)
    return values


def test_effective_draws_of_a_chain_with_memory(rng):
    draws = Draws(("a",), _chains(rng, 0.8), "emcee")
    # Autocorrelation time (1 + m) / (1 - m) = 9.
    assert draws.ess[0] == pytest.approx(16000 / 9, rel=0.2)
    assert draws.autocorrelation_time[0] == pytest.approx(9, rel=0.2)
    assert draws.r_hat[0] < 1.01
    assert draws.warnings() == ()


def test_chains_that_disagree_are_told(rng):
    values = _chains(rng, 0.0, draws=100)
    values[0] += 2.0
    words = Draws(("a",), values, "ensemble").warnings()
    assert any(word.startswith("R-hat of a is 1.") for word in words)


def test_too_few_draws_are_told(rng):
    words = Draws(("a",), _chains(rng, 0.9, 4, 300), "ensemble").warnings()
    assert any("independent draws" in word for word in words)


def test_summary_of_independent_draws(rng):
    values = rng.normal(3.0, 2.0, (1, 20000, 2))
    values[:, :, 1] = 7.0
    draws = Draws(("a", "fixed"), values, "pixels", independent=True)
    summary = draws.summary()
    assert list(summary) == ["a"]
    assert summary["a"].p50 == pytest.approx(3.0, abs=0.06)
    assert summary["a"].p84 - summary["a"].p16 == pytest.approx(4.0, rel=0.03)
    assert summary["a"].ess == 20000
    assert np.isnan(summary["a"].r_hat)
    assert draws.column("fixed").shape == (1, 20000)
    with pytest.raises(SettingsError, match="one of a, fixed"):
        draws.column("b")


def test_further_quantities_keep_their_rows(rng):
    draws = Draws(("a",), rng.normal(size=(3, 5, 1)), "emcee")
    more = draws.with_quantities(("twice", "thrice"), draws.flat * [2.0, 3.0])
    assert more.names == ("a", "twice", "thrice")
    np.testing.assert_array_equal(more.column("thrice"), 3.0 * draws.column("a"))


def test_angles_run_on_through_zero():
    model = template("sersic")
    best = np.zeros(len(model.columns))
    values = np.tile(best, (3, 1))
    pa = model.index("sersic_pa")
    best[pa], values[:, pa] = 178.0, [1.0, 175.0, 92.0]
    np.testing.assert_allclose(unwrapped(model, values, best)[:, pa], [181.0, 175.0, 92.0])


def test_a_missing_package_is_named(monkeypatch, rng):
    monkeypatch.setitem(sys.modules, "arviz_stats", None)
    with pytest.raises(SettingsError, match=r"arviz-stats.*pip install 'galviewer\[science\]'"):
        _ = Draws(("a",), _chains(rng, 0.0, 2, 10), "emcee").r_hat
