"""Coordinates: bounds of model, prior and galaxy; angles of lopsided galaxies; which axes may swap."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from galviewer import model
from galviewer.fit.coordinates import coordinates
from galviewer.model import Component, Model, Order
from galviewer.model.priors import normal, uniform

CPU = torch.device("cpu")
SERSIC = model.template("sersic")
Q, N, R_EFF = (SERSIC.free.index(SERSIC.index(f"sersic_{name}")) for name in ("q", "n", "r_eff"))


@pytest.mark.parametrize(("modifiers", "expected"), [((), [20.0, 160.0]), (("fourier1",), [200.0, 340.0])])
def test_angles_of_lopsided_galaxies_have_a_whole_turn(modifiers, expected):
    parts = Model((Component("a", "sersic", modifiers=modifiers),))
    values = torch.full((2, len(parts.columns)), 0.5, dtype=torch.float64)
    pa = parts.index("a_pa")
    values[:, pa] = torch.tensor([200.0, -20.0], dtype=torch.float64)
    assert coordinates(parts, CPU).fold(values)[:, pa].tolist() == pytest.approx(expected)


def test_limits_of_a_prior_are_bounds():
    fitted = SERSIC.replace("sersic_n", prior=uniform(0.7, 1.5))
    space = coordinates(fitted, CPU)
    assert float(space.lower[N]) == pytest.approx(math.log(0.7))
    assert float(space.upper[N]) == pytest.approx(math.log(1.5))


def test_bounds_of_a_galaxy_tighten_and_never_loosen():
    """Wider than the model's, not a number, or tighter: only the last changes anything."""
    plain = coordinates(SERSIC, CPU)
    low, high = (torch.full((4, 8), end, dtype=torch.float64) for end in (-math.inf, math.inf))
    low[0, 4], high[0, 4] = 1e-9, 1e9
    low[1], high[1] = math.nan, math.nan
    low[2, 4], high[2, 4] = 1.0, 2.0
    space = plain.within((low, high))
    torch.testing.assert_close(space.lower[[0, 1, 3]], plain.lower.expand(3, -1))
    torch.testing.assert_close(space.upper[[0, 1, 3]], plain.upper.expand(3, -1))
    assert space.lower[2, N] == 0.0
    assert float(space.upper[2, N]) == pytest.approx(math.log(2.0))


def test_axes_of_a_bounded_length_do_not_swap():
    low, high = (torch.full((2, 8), end, dtype=torch.float64) for end in (-math.inf, math.inf))
    high[1, 3] = 6.0
    space = coordinates(SERSIC, CPU).within((low, high))
    assert float(space.upper[0, Q]) > 1.0
    assert float(space.upper[1, Q]) == 1.0
    assert float(space.upper[1, R_EFF]) == pytest.approx(math.log(6.0))


def test_axes_that_something_else_depends_on_do_not_swap():
    two = Model((Component("a", "sersic"), Component("b", "exponential")))
    assert len(coordinates(two, CPU).swapping) == 2
    assert len(coordinates(two.replace("a_q", prior=normal(0.5, 0.1)), CPU).swapping) == 1
    ordered = dataclasses.replace(two, orders=(Order("a.r_eff", "b.r_eff"),))
    assert coordinates(ordered, CPU).swapping == ()
