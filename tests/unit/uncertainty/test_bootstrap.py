"""Bootstrap: against the closed form of a linear model, wrong sigmas, masks, ties, seeds, settings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import galviewer
from galviewer import FitSettings, Galaxy, fit_galaxies
from galviewer.errors import SettingsError
from galviewer.flags import Flag
from galviewer.model import Component, Model, Tie, template
from galviewer.run.uncertainties import with_bootstrap

SIDE = 36


def _sersic(sigma_told=1.0, seed=1, model=None, mask=None, **changes):
    """The fit of a Sersic galaxy whose sigma is told wrong by a factor."""
    from galviewer import Workbench

    model = model or template("sersic")
    values = {
        "x": 17.7,
        "y": 18.2,
        "mag": 18.0,
        "r_eff": 6.0,
        "n": 0.7,
        "q": 0.6,
        "pa": 179.0,
        "boxiness": 0.0,
        "fwhm": 7.0,
    }
    truth = np.array([values[column.split("_", 1)[1]] for column in model.columns])
    rng = np.random.default_rng(seed)
    blank = Galaxy.from_arrays(rng.normal(0, 1, (SIDE, SIDE)), np.ones((SIDE, SIDE)), zeropoint=22.5)
    light = Workbench(blank, model).render(truth).sum(0)
    sigma = np.full(light.shape, 0.03)
    image = light + sigma * rng.standard_normal(light.shape)
    galaxy = Galaxy.from_arrays(image, sigma * sigma_told, mask=mask, name="g", zeropoint=22.5, **changes)
    return fit_galaxies([galaxy], model, starts=[truth])[0]


@pytest.fixture(scope="module")
def fit():
    return _sersic()


def _sky(sigma, image):
    model = Model((Component("sky", "flat_sky"),))
    return fit_galaxies([Galaxy.from_arrays(image, sigma, name="sky")], model, starts=[np.zeros(1)])[0]


def test_a_sky_level_in_closed_form():
    rng = np.random.default_rng(3)
    sigma = rng.uniform(0.5, 2.0, (30, 30))
    found = _sky(sigma, 5.0 + 3.0 * sigma * rng.standard_normal((30, 30)))
    weight, residual = sigma**-2, found.galaxy.image - found.parameters[0]
    # Weighted mean: its sandwich error needs no sigma to be right; here sigma is three times too small.
    sandwich = np.sqrt((weight**2 * residual**2).sum()) / weight.sum()
    pixels = galviewer.bootstrap(found, 1500, seed=1)
    assert pixels.std[0] == pytest.approx(sandwich, rel=0.06)
    assert sandwich == pytest.approx(3.0 * found.errors[0], rel=0.1)
    noise = galviewer.bootstrap(found, 1500, seed=1, mode="noise")
    assert noise.std[0] == pytest.approx(found.errors[0], rel=0.06)
    assert noise.mean[0] == pytest.approx(found.parameters[0], abs=0.2 * found.errors[0])


def test_scatter_is_right_where_sigma_is_not():
    told = _sersic(sigma_told=0.25)
    free = list(told.model.free)
    ratio = galviewer.bootstrap(told, 200, seed=2).std[free] / told.errors[free]
    # 200 refits: 5 %; and the bootstrap's own error, by the pixels that matter.
    assert (np.abs(ratio - 4.0) < 1.0).all()


def test_refits_end_where_a_full_fit_ends(fit):
    from galviewer import uncertainty
    from galviewer.run import uncertainties

    settings = FitSettings(decrement=1e-9)
    loose = galviewer.bootstrap(fit, 12, seed=4, derived=False).flat
    problem, _ = uncertainties._problem([fit], settings)
    draws = np.random.default_rng(0)
    assert len(loose) == 12
    import torch

    from galviewer.fit import fit as full_fit
    from galviewer.uncertainty.bootstrap import _changed, _changes, _FirstStep

    best = torch.as_tensor(fit.parameters)[None]
    change = _changes(problem, 12, "pixels", torch.Generator().manual_seed(4))
    first = _FirstStep(problem, best, "pixels")
    many = _changed(problem, first.model, change, "pixels")
    away = fit.parameters + 0.5 * np.nan_to_num(fit.errors) * draws.standard_normal((12, len(fit.errors)))
    strict = full_fit(many, torch.as_tensor(away), settings).values.numpy()
    strict = uncertainty.unwrapped(fit.model, strict, fit.parameters)
    free = list(fit.model.free)
    assert np.abs((loose - strict)[:, free] / fit.errors[free]).max() < 0.15
    # The first step leads most of the way.
    begun = uncertainty.unwrapped(fit.model, first.starts(change).numpy(), fit.parameters)
    left, way = ((there - strict)[:, free] / fit.errors[free] for there in (begun, fit.parameters))
    assert np.sqrt(np.mean(left**2) / np.mean(way**2)) < 0.3


def test_draws_carry_what_follows_from_them(fit):
    draws = galviewer.bootstrap(fit, 60, seed=3)
    assert draws.names[: len(fit.model.columns)] == fit.model.columns
    assert {"sersic_flux", "total_mag"} <= set(draws.names)
    assert np.allclose(draws.column("total_mag"), draws.column("sersic_mag"))
    assert np.abs(draws.column("sersic_pa") - fit.value("sersic_pa")).max() < 90
    assert draws.std[draws.names.index("sersic_boxiness")] == 0
    low, middle, high = draws.percentiles()
    assert (low <= middle).all()
    assert (middle <= high).all()


def test_seeds_repeat_and_differ(fit):
    first, again, other = (galviewer.bootstrap(fit, 5, seed=s).values for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_chunks_change_nothing(fit):
    settings = FitSettings(dtype="float64")
    whole = galviewer.bootstrap(fit, 20, seed=1, settings=settings).flat
    split = galviewer.bootstrap(fit, 20, seed=1, settings=replace(settings, batch_size=8)).flat
    np.testing.assert_allclose(whole, split, rtol=1e-9)


def test_masked_pixels_count_in_no_refit():
    mask = np.zeros((SIDE, SIDE), bool)
    mask[:, 25:30] = True
    clean = _sersic(mask=mask)
    wild = replace(clean, galaxy=replace(clean.galaxy, image=np.where(mask, 1e6, clean.galaxy.image)))
    first, second = (galviewer.bootstrap(f, 6, seed=1).values for f in (clean, wild))
    np.testing.assert_array_equal(first, second)


def test_ties_hold_in_every_refit():
    parts = (Component("a", "gaussian"), Component("b", "gaussian"))
    model = Model(parts).replace("b_x", tied=Tie("a.x")).replace("b_y", tied=Tie("a.y", 1.0, 0.5))
    model = model.replace("b_q", fixed=True, start=0.9).replace("b_fwhm", fixed=True, start=4.0)
    found = _sersic(model=model)
    draws = galviewer.bootstrap(found, 8, seed=1)
    np.testing.assert_allclose(draws.column("b_x"), draws.column("a_x"))
    np.testing.assert_allclose(draws.column("b_y"), draws.column("a_y") + 0.5)


def test_other_likelihoods_count_pixels_too(fit):
    settings = FitSettings(likelihood="student_t", student_nu=4.0)
    plain = galviewer.bootstrap(fit, 24, seed=1).std
    robust = galviewer.bootstrap(fit, 24, seed=1, settings=settings).std
    free = list(fit.model.free)
    assert (np.abs(np.log(robust[free] / plain[free])) < np.log(1.6)).all()


def test_a_catalogue_can_have_bootstrapped_errors(fit):
    from galviewer.products.catalogue import row

    other = with_bootstrap(fit, 60, seed=1)
    assert (fit.error_kind, other.error_kind) == ("covariance", "bootstrap")
    assert np.isnan(other.errors[fit.model.index("sersic_boxiness")])
    free = list(fit.model.free)
    assert (np.abs(np.log(other.errors[free] / fit.errors[free])) < np.log(1.5)).all()
    assert row(other)["total_mag_err"] == pytest.approx(other.error("sersic_mag"), rel=1e-6)
    broken = replace(fit, flags=int(Flag.FAILED))
    assert with_bootstrap(broken) is broken


def test_nonsense_is_refused(fit):
    with pytest.raises(SettingsError, match="pixels or noise"):
        galviewer.bootstrap(fit, mode="jackknife")
    with pytest.raises(SettingsError, match="two or more"):
        galviewer.bootstrap(fit, 1)
    with pytest.raises(SettingsError, match="no usable fit"):
        galviewer.bootstrap(replace(fit, flags=int(Flag.FAILED)))


def test_only_pixels_that_count_are_drawn(fit):
    import torch

    from galviewer.run import uncertainties
    from galviewer.uncertainty.bootstrap import _changes

    problem, _ = uncertainties._problem([fit], None)
    weight = problem.weight.clone()
    weight[:, 100:300] = 0.0
    drawn = _changes(replace(problem, weight=weight), 3, "pixels", torch.Generator().manual_seed(1))
    assert (drawn[:, 100:300] == 0).all()
    assert drawn.sum(1).tolist() == [SIDE**2 - 200.0] * 3


def test_new_noise_is_added_to_the_model_not_the_data(fit):
    import torch

    from galviewer.run import uncertainties
    from galviewer.uncertainty.bootstrap import _changed

    problem, _ = uncertainties._problem([fit], None)
    model = torch.full_like(problem.data, 2.0).double()
    found = _changed(problem, model, torch.full_like(model, 1.5).repeat(3, 1), "noise")
    torch.testing.assert_close(found.data, (2.0 + 1.5 / problem.weight).expand(3, -1))


def test_failed_refits_are_left_out_and_covariances_keep_their_order(monkeypatch):
    """Refits as someone else might return them: of parameters behind a fixed one, some failed."""
    import torch

    from galviewer import uncertainty

    found = _sersic(model=template("sersic").replace("sersic_x", fixed=True, start=17.7))
    values = found.parameters + 0.01 * np.random.default_rng(1).standard_normal((50, len(found.parameters)))
    good = np.arange(50) % 5 > 0
    values[~good] = 1e6
    monkeypatch.setattr(uncertainty, "bootstrap", lambda *_: (torch.as_tensor(values), torch.as_tensor(good)))
    other = with_bootstrap(found, 50)
    free = list(found.model.free)
    np.testing.assert_allclose(other.errors[free], values[good][:, free].std(0, ddof=1))
    np.testing.assert_allclose(np.diag(other.covariance), other.errors[free] ** 2)
    draws = galviewer.bootstrap(found, 50, derived=False)
    assert draws.notes == ("10 of 50 refits failed and are left out",)


def test_every_galaxy_has_a_seed_of_its_own():
    from galviewer.run.uncertainties import seed_of

    assert len({seed_of(f"galaxy {k}") for k in range(50)}) == 50
    assert seed_of("a") == seed_of("a")
