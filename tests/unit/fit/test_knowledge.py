"""Priors, orders, bounds of single galaxies, sums: in cost, gradient, solution and errors."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.errors import SettingsError
from galviewer.fit import FitSettings, Likelihood, Problem, fit
from galviewer.fit.knowledge import STIFFNESS, knowledge
from galviewer.model import Component, Model, Order, Tie
from galviewer.model.priors import lognormal, normal, uniform
from galviewer.render import Renderer
from galviewer.uncertainty import covariance

SERSIC = model.template("sersic")
TRUTH = [30.3, 29.6, -7.0, 5.0, 2.0, 0.6, 40.0, 0.0]
TWO = Model((Component("a", "sersic"), Component("b", "exponential")))
ROW = [*TRUTH[:2], -7.0, 2.5, 2.0, 0.6, 40.0, 0.0, *TRUTH[:2], -7.5, 6.0, 0.6, 40.0, 0.0]


def _psf():
    y, x = np.mgrid[:15, :15] - 7
    stamp = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return torch.tensor(stamp / stamp.sum())


def _problem(rows, fitted, drawn=None, sigma=0.05, **more):
    values = torch.tensor(rows, dtype=torch.float64)
    images = Renderer(drawn or fitted, (60, 61), _psf(), dtype=torch.float64).image(values)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    errors = torch.full_like(images, sigma)
    mask = torch.zeros_like(images, dtype=torch.bool)
    return Problem.of(fitted, images + sigma * noise, errors, mask, _psf()[None], torch.zeros(1), **more)


def _check_gradient(problem, values):
    """Gradient against differences of the cost, in all free parameters."""
    fitted = problem.renderer.model
    found = problem.evaluate(values)
    torch.testing.assert_close(problem.cost(values), found.cost, rtol=1e-9, atol=1e-9)
    matrix, offset = (torch.as_tensor(part) for part in fitted.affine)
    for f, index in enumerate(fitted.free):
        step = 1e-5 * max(1.0, abs(float(values[0, index])))
        nudge = torch.zeros_like(values)
        nudge[:, index] = step
        high, low = (problem.cost((values + s * nudge) @ matrix.T + offset) for s in (1.0, -1.0))
        expected = -0.25 * (high - low) / step
        # Windows of the renderer move with the centre and are not differentiated: 2 % of a standard error.
        # Of all other parameters the derivative is exact; the differences are to 1e-4.
        share = 2e-2 if fitted.columns[index][-1] in "xy" else 1e-4
        scale = max(float(found.normal[0, f, f]) ** 0.5, 1.0)
        assert float(found.gradient[0, f]) == pytest.approx(float(expected[0]), rel=1e-6, abs=share * scale)


def _tied():
    two = TWO
    for name in ("x", "y", "q", "pa"):
        two = two.replace(f"b_{name}", tied=Tie(f"a.{name}"))
    return two


@pytest.mark.parametrize("kind", ["chi2", "poisson", "pearson", "student_t", "chi2_distribution"])
def test_gradient_is_that_of_the_cost(kind):
    fitted = _tied().replace("a_n", prior=lognormal(1.5, 0.2)).replace("a_pa", prior=normal(215.0, 3.0))
    fitted = fitted.replace("b_mag", prior=normal(-7.0, 0.1))
    fitted = dataclasses.replace(fitted, orders=(Order("a.r_eff", "b.r_eff", 0.999 * 2.5 / 6.0),))
    counting = {"gain": 40.0, "sky_level": 3.0, "read_noise": 0.1}
    problem = _problem([ROW], fitted, likelihood=Likelihood(kind), **counting)
    values = torch.tensor([ROW], dtype=torch.float64)
    values[0, [3, 4, 10]] += torch.tensor([0.0, 0.1, 0.02], dtype=torch.float64)
    _check_gradient(problem, values)


def test_what_priors_cost():
    """Squares of distances in widths; an angle's to the nearest of its repetitions."""
    fitted = SERSIC.replace("sersic_n", prior=lognormal(1.5, 0.2)).replace(
        "sersic_pa", prior=normal(35.0, 3.0)
    )
    fitted = fitted.replace("sersic_mag", prior=normal(-7.2, 0.1))
    values = torch.tensor([TRUTH], dtype=torch.float64)
    found = knowledge(fitted, values.device)
    expected = (np.log(2.0 / 1.5) / 0.2) ** 2 + (5.0 / 3.0) ** 2 + 4.0
    assert float(found.cost(values)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("modifiers", "period"), [((), 180.0), (("fourier1",), 360.0)])
def test_the_prior_of_an_angle_repeats(modifiers, period):
    """Half a turn is nothing to an ellipse, but turns a lopsided galaxy round."""
    parts = Model((Component("a", "sersic", modifiers=modifiers),))
    values = torch.zeros(1, len(parts.columns), dtype=torch.float64)
    values[0, parts.index("a_pa")] = 40.0
    for turns in (-1.0, 0.0, 0.5, 1.0, 1.5):
        fitted = parts.replace("a_pa", prior=normal(35.0 + turns * period, 100.0))
        off = 5.0 if turns % 1.0 == 0.0 else 0.5 * period - 5.0
        found = knowledge(fitted, values.device)
        assert float(found.cost(values)) == pytest.approx((off / 100.0) ** 2, rel=1e-9)
        gradient = float(found.terms(values)[1][0, fitted.free.index(fitted.index("a_pa"))])
        assert gradient == pytest.approx(-off / 1e4 if turns % 1.0 == 0.0 else off / 1e4, rel=1e-9)


def test_borders_of_sums():
    """smaller <= factor * larger, where both are sums and one may be negative: cost, slopes, curvature."""
    fitted = _tied().replace("a_mag", tied=Tie("b.mag", 2.0, 3.0))
    order = Order("a.mag", "b.y", 0.5)
    fitted = dataclasses.replace(fitted.replace("b_y", tied=Tie("a.y", 1.0, 4.0)), orders=(order,))
    found = knowledge(fitted, torch.device("cpu"))
    values = torch.tensor([ROW, ROW], dtype=torch.float64)
    mag, y = fitted.index("b_mag"), fitted.index("a_y")
    values[:, mag] = torch.tensor([7.0, 6.0])
    values[:, y] = 26.0
    # 2 * mag + 3 against (26 + 4) / 2.
    beyond, slopes = found.beyond(values)
    torch.testing.assert_close(beyond[:, 0], torch.tensor([2.0, 0.0], dtype=torch.float64))
    expected = torch.zeros(len(fitted.free), dtype=torch.float64)
    expected[fitted.free.index(mag)], expected[fitted.free.index(y)] = 2.0, -0.5
    torch.testing.assert_close(slopes[0, 0], expected)
    cost, gradient, normal_matrix = found.terms(values)
    assert cost.tolist() == [4.0 * STIFFNESS, 0.0]
    torch.testing.assert_close(gradient[0], -2.0 * STIFFNESS * expected)
    torch.testing.assert_close(normal_matrix[0], STIFFNESS * torch.outer(expected, expected))
    assert not gradient[1].any()


def test_both_limits_of_a_tied_parameter_s_prior():
    """b.r_eff = 2 a.r_eff + 1 between 5 and 7, by logarithms: a border at each end."""
    fitted = _tied().replace("b_r_eff", tied=Tie("a.r_eff", 2.0, 1.0), prior=uniform(5.0, 7.0))
    found = knowledge(fitted, torch.device("cpu"))
    values = torch.tensor([ROW] * 3, dtype=torch.float64)
    values[:, 3] = torch.tensor([1.5, 2.5, 3.5])
    expected = [np.log(5.0 / 4.0) ** 2, 0.0, np.log(8.0 / 7.0) ** 2]
    np.testing.assert_allclose(found.cost(values) / STIFFNESS, expected, rtol=1e-12)


def test_a_sum_is_kept_and_found():
    fitted = _tied().replace("b_r_eff", tied=Tie("a.r_eff", 2.0, 0.5, plus=(("a.n", 0.25),)))
    row = list(ROW)
    row[11] = 2.0 * 2.5 + 0.5 + 0.25 * 2.0
    problem = _problem([row], fitted)
    values = torch.tensor([row], dtype=torch.float64)
    _check_gradient(problem, values)
    start = values.clone()
    start[0, [3, 4, 10]] = torch.tensor([3.2, 1.3, -7.1], dtype=torch.float64)
    result = fit(problem, start)
    errors = covariance(fitted, result.normal, result.held).errors[0]
    assert int(result.flags[0]) == 0
    assert float(((result.values[0] - values[0]).abs() / errors)[[2, 3, 4, 10, 11]].max()) < 4.0
    found = result.values[0]
    assert float(found[11]) == pytest.approx(float(2.0 * found[3] + 0.5 + 0.25 * found[4]), rel=1e-12)


def test_a_prior_alone_gives_its_own_width():
    """A galaxy without light tells nothing of its index: the prior's mean and width remain."""
    fitted = SERSIC.replace("sersic_n", prior=normal(1.7, 0.3)).replace(
        "sersic_r_eff", prior=lognormal(4.0, 0.1)
    )
    fitted = fitted.replace("sersic_mag", fixed=True, start=30.0)
    for name in ("x", "y", "q", "pa"):
        fitted = fitted.replace(f"sersic_{name}", fixed=True, start=TRUTH[SERSIC.index(f"sersic_{name}")])
    row = [*TRUTH[:2], 30.0, *TRUTH[3:]]
    result = fit(_problem([row], fitted), torch.tensor([row]))
    errors = covariance(fitted, result.normal, result.held).errors[0]
    assert float(result.values[0, 4]) == pytest.approx(1.7, abs=1e-3)
    assert float(errors[4]) == pytest.approx(0.3, rel=1e-3)
    assert float(result.values[0, 3]) == pytest.approx(4.0, rel=1e-3)
    assert float(errors[3]) == pytest.approx(0.4, rel=1e-3)


def test_a_prior_is_weighed_with_the_data():
    free = fit(_problem([TRUTH], SERSIC), torch.tensor([TRUTH]))
    error = float(covariance(SERSIC, free.normal, free.held).errors[0, 4])
    best, width = float(free.values[0, 4]), error
    fitted = SERSIC.replace("sersic_n", prior=normal(best + 2.0 * error, width))
    problem = _problem([TRUTH], fitted)
    result = fit(problem, torch.tensor([TRUTH]))
    # The marginal posterior is normal: mean half-way, width smaller by the root of 2.
    assert float(result.values[0, 4]) == pytest.approx(best + error, abs=0.05 * error)
    found = covariance(fitted, result.normal, result.held).errors[0, 4]
    assert float(found) == pytest.approx(error / 2.0**0.5, rel=0.03)
    assert float(result.cost[0] - result.chi2[0]) == pytest.approx(1.0, rel=0.1)


def test_limits_of_a_prior_are_bounds():
    fitted = SERSIC.replace("sersic_n", prior=uniform(0.5, 1.5))
    result = fit(_problem([TRUTH], fitted), torch.tensor([TRUTH]))
    assert float(result.values[0, 4]) == pytest.approx(1.5)
    assert bool(result.held[0, 4])


def test_a_prior_and_its_limits_on_a_tied_parameter():
    fitted = _tied().replace("b_r_eff", tied=Tie("a.r_eff", 2.0), prior=uniform(1.0, 4.6))
    row = list(ROW)
    row[11] = 5.0
    result = fit(_problem([row], fitted), torch.tensor([row]))
    assert float(result.values[0, 11]) == pytest.approx(4.6, rel=1e-3)


@pytest.mark.parametrize("factor", [0.2, 1.0])
def test_an_order_holds_or_does_not_matter(factor):
    """r_eff of 2.5 and 6: an order at 0.2 binds, one at 1 leaves the fit as it was."""
    plain, start = _tied(), torch.tensor([ROW], dtype=torch.float64)
    start[0, [3, 11]] = torch.tensor([2.0, 5.0], dtype=torch.float64)
    free = fit(_problem([ROW], plain), start)
    ordered = dataclasses.replace(plain, orders=(Order("a.r_eff", "b.r_eff", factor),))
    result = fit(_problem([ROW], ordered), start)
    assert int(result.flags[0]) == 0
    ratio = float(result.values[0, 3] / (factor * result.values[0, 11]))
    if factor == 1.0:
        torch.testing.assert_close(result.values, free.values, rtol=1e-4, atol=1e-4)
        return
    assert ratio == pytest.approx(1.0, abs=1e-3)
    assert int(result.iterations[0]) <= 2 * int(free.iterations[0]) + 4
    tied = plain.replace("a_r_eff", tied=Tie("b.r_eff", factor))
    same = fit(_problem([ROW], tied, plain), start)
    torch.testing.assert_close(result.values, same.values, rtol=2e-3, atol=2e-3)
    one, other = (covariance(m, r.normal, r.held).errors[0] for m, r in ((ordered, result), (tied, same)))
    torch.testing.assert_close(one[[2, 3, 4, 10, 11]], other[[2, 3, 4, 10, 11]], rtol=0.02, atol=0)


def test_bounds_of_each_galaxy():
    low, high = (torch.full((3, 8), end, dtype=torch.float64) for end in (-torch.inf, torch.inf))
    high[1, 4], low[2, 3] = 1.5, 6.0
    starts = torch.tensor([TRUTH] * 3)
    free = fit(_problem([TRUTH] * 3, SERSIC), starts)
    problem = _problem([TRUTH] * 3, SERSIC, bounds=(low, high))
    result = fit(problem, starts)
    assert float(result.values[1, 4]) == pytest.approx(1.5)
    assert float(result.values[2, 3]) == pytest.approx(6.0)
    assert result.held[:, [3, 4]].tolist() == [[False, False], [False, True], [True, False]]
    torch.testing.assert_close(result.values[0], free.values[0], rtol=1e-9, atol=1e-9)
    alone = fit(problem.select(torch.tensor([2])), starts[2:])
    torch.testing.assert_close(alone.values[0], result.values[2], rtol=1e-6, atol=1e-6)


def test_bounds_in_the_wrong_order_and_no_gain_are_refused():
    ends = torch.zeros(1, 8, dtype=torch.float64)
    with pytest.raises(SettingsError, match="lower <= upper"):
        _problem([TRUTH], SERSIC, bounds=(ends + 1.0, ends))
    with pytest.raises(SettingsError, match="gain: is not known, which the likelihood 'poisson' needs"):
        _problem([TRUTH], SERSIC, likelihood=Likelihood("poisson"))


def test_selected_galaxies_take_what_is_theirs():
    """Gain, sky, read noise, bounds and multiplicity go with the rows, in any order."""
    ends = torch.arange(3, dtype=torch.float64)[:, None].expand(3, 8)
    three = {"gain": [10.0, 20.0, 30.0], "sky_level": [1.0, 2.0, 3.0], "read_noise": [0.1, 0.2, 0.3]}
    three = {name: torch.tensor(numbers) for name, numbers in three.items()}
    problem = _problem(
        [TRUTH] * 3, SERSIC, likelihood=Likelihood("pearson"), bounds=(ends, ends + 9.0), **three
    )
    drawn = torch.arange(problem.data.numel(), dtype=torch.float64).reshape(problem.data.shape) % 7
    problem = dataclasses.replace(problem, multiplicity=drawn)
    values = torch.tensor([TRUTH] * 3, dtype=torch.float64)
    whole, rows = problem.evaluate(values), torch.tensor([2, 0])
    some = problem.select(rows)
    part = some.evaluate(values[rows])
    for name in ("cost", "chi2", "gradient", "normal"):
        torch.testing.assert_close(getattr(part, name), getattr(whole, name)[rows], rtol=1e-9, atol=1e-9)
    assert some.bounds is not None
    assert [end[:, 0].tolist() for end in some.bounds] == [[2.0, 0.0], [11.0, 9.0]]
    alone = problem.select(rows[:1]).space
    torch.testing.assert_close(alone.lower, problem.space.select(rows[:1]).lower)


def test_pixels_drawn_twice_count_twice():
    problem = _problem([TRUTH], SERSIC, likelihood=Likelihood("student_t", 5.0))
    twice = dataclasses.replace(problem, multiplicity=torch.full_like(problem.data, 2.0))
    values = torch.tensor([TRUTH], dtype=torch.float64)
    one, two = problem.evaluate(values), twice.evaluate(values)
    torch.testing.assert_close(two.cost, 2.0 * one.cost)
    torch.testing.assert_close(two.normal, 2.0 * one.normal)
    plain = fit(problem, values, FitSettings()).values
    torch.testing.assert_close(fit(twice, values, FitSettings()).values, plain, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["chi2", "chi2_distribution"])
def test_drawing_a_pixel_is_weighing_it(kind):
    problem = _problem([TRUTH], SERSIC, likelihood=Likelihood(kind))
    drawn = torch.arange(problem.data.numel(), dtype=torch.float64).reshape(1, -1) % 4
    many = dataclasses.replace(problem, multiplicity=drawn)
    heavy = dataclasses.replace(problem, weight=problem.weight * drawn.sqrt())
    values = torch.tensor([TRUTH], dtype=torch.float64)
    one, other = many.evaluate(values), heavy.evaluate(values)
    torch.testing.assert_close(one.chi2, other.chi2)
    torch.testing.assert_close(many.cost(values), one.cost)
    if kind == "chi2":
        torch.testing.assert_close(one.normal, other.normal)
        torch.testing.assert_close(one.gradient, other.gradient)
