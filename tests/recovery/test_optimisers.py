"""Every method finds the minimum that Levenberg-Marquardt finds, and some find it where that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.errors import SettingsError
from galviewer.fit import FitSettings, Problem, SearchSettings, fit
from galviewer.fit.optimisers import evolution
from galviewer.fit.optimisers.drawing import draw, settle
from galviewer.flags import Flag
from galviewer.model import Component, Model, Tie
from galviewer.render import Renderer
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy

SERSIC = model.template("sersic")
QUICK = SearchSettings(max_iterations=600, starts=6, population=16, generations=25)
SIDE = 36
DESCENTS = ("Adam", "SGD")
SETTINGS = {
    "lm": FitSettings(),
    "auto": FitSettings(method="auto", search=QUICK),
    "lbfgs": FitSettings(method="lbfgs", search=QUICK),
    "Adam": FitSettings(method="gradient", search=QUICK),
    "SGD": FitSettings(method="gradient", search=SearchSettings(optimiser="SGD")),
    "multistart": FitSettings(method="multistart", search=QUICK),
    "evolution": FitSettings(method="differential_evolution", search=QUICK),
}
TRUTH = torch.tensor(
    [
        [17.3 + 0.2 * k, 18.1 - 0.1 * k, -7 - 0.1 * k, 2.5 + 0.3 * k, 0.8 + 0.3 * k, 0.45 + k / 25, 20 * k, 0]
        for k in range(8)
    ],
    dtype=torch.float64,
)  # fmt: skip


def _problem(fitted=SERSIC, drawn=SERSIC, truth=TRUTH, spoil=None):
    y, x = np.mgrid[:13, :13] - 6
    stamp = torch.tensor(np.exp(-(x**2 + y**2) / 4.0))
    stamp = stamp / stamp.sum()
    images = Renderer(drawn, (SIDE, SIDE), stamp, dtype=torch.float64).image(truth)
    images = images + 0.1 * torch.randn(
        images.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    )
    if spoil is not None:
        images[spoil] = torch.nan
    sigma = torch.full_like(images, 0.1)
    mask = torch.zeros_like(images, dtype=torch.bool)
    return Problem.of(fitted, images, sigma, mask, stamp[None], torch.zeros(1))


def _starts():
    starts = TRUTH.clone()
    starts[:, 2] += 0.3
    starts[:, 3] *= 1.3
    starts[:, 4] = 1.5
    starts[:, 6] += 20.0
    return starts


def _hopeless():
    starts = TRUTH[:2].clone()
    starts[:, :2] += 14.0
    starts[:, 2:5] = torch.tensor([-10.0, 90.0, 0.3], dtype=torch.float64)
    return starts


def _short(name):
    """Settings in which descents, which are slow, stop early: for what must hold all the way."""
    settings = SETTINGS[name]
    short = replace(settings.search, max_iterations=100)
    return replace(settings, search=short) if name in DESCENTS else settings


def _as_galaxy(problem, row, name):
    pixels = problem.data[row].reshape(SIDE, SIDE).numpy()
    y, x = np.mgrid[:13, :13] - 6
    stamp = np.exp(-(x**2 + y**2) / 4.0)
    sigma = np.full_like(pixels, 0.1)
    return Galaxy.from_arrays(pixels, sigma, stamp / stamp.sum(), name=name, zeropoint=0.0)


@pytest.mark.parametrize("name", [*SETTINGS])
def test_reaches_the_minimum(name):
    starts, fitted, truth = _starts(), SERSIC, TRUTH
    if name == "SGD":  # with n free plain descent creeps along the ridge of mag, r_eff and n
        fitted = SERSIC.replace("sersic_n", fixed=True)
        starts[:, 4] = TRUTH[:, 4]
    if name in DESCENTS:
        starts, truth = starts[:4], TRUTH[:4]
    problem = _problem(fitted, truth=truth)
    reference = fit(problem, truth)
    result = fit(problem, starts, SETTINGS[name])
    assert result.flags.tolist() == [0] * len(truth)
    assert float((result.cost - reference.cost).abs().max()) < 0.1
    offset = (result.values - reference.values)[:, fitted.free]
    error = reference.normal.inverse().diagonal(dim1=1, dim2=2).sqrt()
    assert float((offset / error).abs().max()) < 0.3


@pytest.mark.parametrize("name", [*SETTINGS])
def test_bounds_and_ties_hold(name):
    two = Model((*SERSIC.components, Component("halo", "exponential")))
    for column in ("x", "y", "q", "pa"):
        two = two.replace(f"halo_{column}", tied=Tie(f"sersic.{column}"))
    two = two.replace("halo_r_eff", tied=Tie("sersic.r_eff", 2.0)).replace("sersic_n", upper=1.2)
    halo = torch.stack(
        [
            TRUTH[:2, 0],
            TRUTH[:2, 1],
            TRUTH[:2, 2],
            2 * TRUTH[:2, 3],
            TRUTH[:2, 5],
            TRUTH[:2, 6],
            TRUTH[:2, 7],
        ],
        1,
    )
    truth = torch.cat((TRUTH[:2], halo), 1)
    truth[:, 4] = 2.0
    starts = truth.clone()
    starts[:, 4], starts[:, 2] = 1.1, truth[:, 2] + 0.2
    result = fit(_problem(two, two, truth), starts, _short(name))
    values = result.values
    assert values[:, 4].tolist() == [1.2, 1.2]
    assert bool(result.held[:, two.free.index(4)].all())
    assert all(flags & Flag.AT_BOUND for flags in result.flags.tolist())
    torch.testing.assert_close(values[:, 11], 2.0 * values[:, 3], rtol=1e-12, atol=0)
    torch.testing.assert_close(values[:, [8, 9, 12, 13]], values[:, [0, 1, 5, 6]], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["multistart", "evolution", "auto"])
def test_rescues_a_hopeless_start(name):
    problem = _problem(truth=TRUTH[:2])
    best = fit(problem, TRUTH[:2]).cost
    assert bool((fit(problem, _hopeless()).cost > best + 100.0).all())
    rescued = fit(problem, _hopeless(), SETTINGS[name])
    assert float((rescued.cost - best).abs().max()) < 0.1


@pytest.mark.parametrize("name", [*SETTINGS])
def test_a_bad_galaxy_does_not_harm_its_neighbours(name):
    settings, rows = _short(name), slice(0, 3)
    clean = fit(_problem(truth=TRUTH[rows]), _starts()[rows], settings)
    spoiled = fit(_problem(truth=TRUTH[rows], spoil=1), _starts()[rows], settings)
    assert int(spoiled.flags[1]) & Flag.NON_FINITE
    torch.testing.assert_close(spoiled.values[[0, 2]], clean.values[[0, 2]], rtol=1e-6, atol=1e-6)


def test_the_same_twice_and_alone():
    for name in ("multistart", "evolution"):
        settings, problem = SETTINGS[name], _problem(truth=TRUTH[:3])
        one = fit(problem, _starts()[:3], settings)
        other = fit(problem, _starts()[:3], settings)
        torch.testing.assert_close(one.values, other.values, rtol=0, atol=0)
        alone = fit(problem.select(torch.tensor([2])), _starts()[2:3], settings)
        torch.testing.assert_close(alone.values[0], one.values[2], rtol=1e-4, atol=1e-4)


def _wild():
    starts = TRUTH[:2].clone()
    starts[:, :2] += 3.0
    starts[:, 2] -= 1.5
    starts[:, 3] *= 2.5
    starts[:, 4] = 3.5
    starts[:, 6] += 90.0
    return starts


def test_lbfgs_uses_its_memory_and_never_climbs():
    problem = _problem(truth=TRUTH[:2])
    best = fit(problem, TRUTH[:2])

    def after(count, starts):
        search = SearchSettings(max_iterations=count)
        return fit(problem, starts, FitSettings(method="lbfgs", search=search))

    # Plain descent takes 58 to 76 steps from here, L-BFGS 13 to 14.
    assert int(after(200, _starts()[:2]).iterations.max()) <= 25
    far = after(200, _wild())
    assert float((far.cost - best.cost).abs().max()) < 0.1
    assert int(far.iterations.max()) <= 80
    costs = torch.stack([after(count, _wild()).cost for count in range(1, 20)])
    assert bool((costs.diff(dim=0) <= 0).all())


@pytest.mark.parametrize("optimiser", ["Adam", "SGD", "RMSprop"])
def test_descents_keep_their_best(optimiser):
    problem = _problem(truth=TRUTH[:2])

    def after(count):
        search = SearchSettings(optimiser=optimiser, max_iterations=count)
        return fit(problem, _wild(), FitSettings(method="gradient", search=search)).cost

    costs = torch.stack([after(count) for count in (1, 2, 3, 5, 8, 12, 16)])
    assert bool((costs.diff(dim=0) <= 0).all())
    assert bool((costs[-1] < 0.9 * costs[0]).all())


def test_steps_per_parameter_and_early_stop():
    problem, starts = _problem(truth=TRUTH[:2]), _starts()[:2]

    def after(**search):
        return fit(problem, starts, FitSettings(method="gradient", search=SearchSettings(**search)))

    tiny = dict.fromkeys(("x", "y", "r_eff", "q", "pa"), 1e-12)
    once = after(max_iterations=1, steps={**tiny, "n": 0.01, "sersic_mag": 0.02})
    moved = once.values - starts
    torch.testing.assert_close(
        (once.values[:, 4] / starts[:, 4]).log().abs(), torch.full((2,), 0.01, dtype=torch.float64)
    )
    torch.testing.assert_close(moved[:, 2].abs(), torch.full((2,), 0.02, dtype=torch.float64))
    stopped = after(steps=dict.fromkeys(("x", "y", "mag", "r_eff", "n", "q", "pa"), 1e-12), patience=5)
    assert int(stopped.iterations.max()) <= 12
    assert all(flags & Flag.NOT_CONVERGED for flags in stopped.flags.tolist())
    with pytest.raises(SettingsError, match="bogus"):
        after(steps={"bogus": 1.0})
    with pytest.raises(SettingsError, match=r"torch\.optim"):
        after(optimiser="LBFGS")


def test_auto_costs_nothing_where_the_fit_is_clean():
    plain, auto = fit(_problem(), _starts()), fit(_problem(), _starts(), SETTINGS["auto"])
    assert plain.iterations.tolist() == auto.iterations.tolist()
    torch.testing.assert_close(plain.values, auto.values, rtol=0, atol=0)
    assert not bool(auto.restarted.any() | plain.restarted.any())


def test_auto_says_where_it_refitted():
    problem = _problem(truth=TRUTH[:2])
    starts = torch.stack((_hopeless()[0], _starts()[1]))
    plain, auto = fit(problem, starts), fit(problem, starts, SETTINGS["auto"])
    assert auto.restarted.tolist() == [True, False]
    assert int(auto.iterations[0]) > int(plain.iterations[0]) + SETTINGS["auto"].search.starts
    torch.testing.assert_close(auto.fall[0], plain.cost[0] - auto.cost[0])
    galaxies = [_as_galaxy(problem, 0, "lost"), _as_galaxy(problem, 1, "found")]
    galaxies[0] = replace(galaxies[0], notes=("a note",))
    for likelihood, measure in (("chi2", "chi2"), ("student_t", "cost")):
        settings = replace(SETTINGS["auto"], likelihood=likelihood, device="cpu")
        fits = fit_galaxies(galaxies, SERSIC, settings, list(starts.numpy()))
        note, _, said = fits[0].message.partition("; ")
        assert note == "a note"
        assert said.startswith(f"refitted from 6 starts; {measure} lower by ")
        assert fits[1].message == ""
        if likelihood == "chi2":
            fall = float(said.rsplit(" ", 1)[1])
            assert fall == pytest.approx(float(auto.fall[0]), rel=0.02)


def test_auto_undoes_exchanged_roles():
    pair = model.template("bulge+disk")
    truth = torch.tensor(
        [[17.3, 18.1, -6.5, 2.0, 3.0, 0.8, 30, 0, 17.3, 18.1, -7.0, 6.0, 0.5, 60, 0]], dtype=torch.float64
    )
    swapped = truth.clone()
    swapped[:, [3, 11]], swapped[:, 4] = truth[:, [11, 3]], 1.0
    swapped[:, 11] = 1.0
    problem = _problem(pair, pair, truth)
    best, plain = fit(problem, truth), fit(problem, swapped)
    assert float(plain.values[0, 3]) > float(plain.values[0, 11])
    assert float(plain.cost - best.cost) > 5.0
    auto = fit(problem, swapped, SETTINGS["auto"])
    assert auto.restarted.tolist() == [True]
    assert float((auto.cost - best.cost).abs()) < 0.1


def test_drawn_starts_cover_what_is_plausible():
    problem, given = _problem(truth=TRUTH[:2]), _hopeless()
    drawn = draw(problem, given, 8, 0)
    torch.testing.assert_close(drawn[:, 0], given, rtol=0, atol=0)
    away = (drawn[:, :, :2] - TRUTH[:2, None, :2]).norm(dim=2)
    assert bool((away[:, 1::2] < 2.0).all())  # at the brightest peak
    torch.testing.assert_close(drawn[:, ::2, :2], given[:, None, :2].expand(2, 4, 2), rtol=0, atol=0)
    sizes = drawn[:, 1:, 3]
    assert bool(
        (sizes >= 1.0).all() & (sizes <= 0.2 * SIDE).all() & (sizes.amax(1) > 3 * sizes.amin(1)).all()
    )
    assert sorted(set(drawn[0, 1:, 4].tolist())) == pytest.approx([0.7, 1.5, 4.0])
    alone = draw(problem.select(torch.tensor([1])), given[1:], 8, 0)
    torch.testing.assert_close(alone[0], drawn[1])


def test_settled_magnitudes_are_those_of_the_pixels():
    dim, bright = TRUTH[:2].clone(), TRUTH[:2].clone()
    dim[:, 2] += 4.0
    bright[:, 2] -= 2.0
    for begun in (dim, bright):
        settled = settle(_problem(truth=TRUTH[:2]), begun)
        torch.testing.assert_close(settled, TRUTH[:2], rtol=0, atol=0.01)


def test_a_population_evolves(monkeypatch):
    """The best members before the polish are far better than at the beginning, for each galaxy its own."""
    fitted = SERSIC.replace("sersic_n", fixed=True)
    problem, begun = _problem(fitted, truth=TRUTH[[0, 5]]), TRUTH[[0, 5]].clone()
    begun[:, :2] += 2.0
    members, seen, polish = draw(problem, begun, 16, 0), {}, evolution.best_of

    def watched(part, places, settings):
        seen["places"] = places
        return polish(part, places, settings)

    monkeypatch.setattr(evolution, "best_of", watched)
    evolution.run(problem, begun, SETTINGS["evolution"])

    def costs(places):
        rows = torch.arange(2).repeat_interleave(places.shape[1])
        return problem.select(rows).cost(places.flatten(0, 1)).reshape(2, -1)

    first = costs(torch.stack([settle(problem, members[:, k]) for k in range(16)], 1)).amin(1)
    best, last = fit(problem, TRUTH[[0, 5]]).cost, costs(seen["places"]).amin(1)
    assert bool(((last - best) < 0.05 * (first - best)).all())
    torch.testing.assert_close(seen["places"][:, :, 4], TRUTH[[0, 5], 4, None].expand(2, 4))
