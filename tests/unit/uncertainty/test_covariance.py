"""Covariance: tied parameters from the full matrix, derived quantities against draws from the covariance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from galviewer import Galaxy, fit_galaxies
from galviewer.model import Component, Model, Tie, template
from galviewer.products.catalogue import row
from galviewer.products.derived import derived, quantities
from galviewer.uncertainty import covariance, full


def _model():
    """Three components; the third's magnitude is a sum of the others', its x that of the first plus 2."""
    parts = [Component(name, "gaussian") for name in "abc"]
    model = Model((*parts,))
    model = model.replace("c_mag", tied=Tie("a.mag", 0.3, 1.0, (("b.mag", -0.7),)))
    return model.replace("c_x", tied=Tie("a.x", 1.0, 2.0)).replace("b_q", fixed=True, start=0.5)


def _normal(count, seed=1):
    """A random normal matrix with strong correlations, (1, F, F)."""
    root = np.random.default_rng(seed).standard_normal((count + 3, count)) * np.logspace(-1, 2, count)
    return torch.as_tensor(root.T @ root)[None]


def test_tied_errors_are_those_of_draws():
    model = _model()
    free = list(model.free)
    normal = _normal(len(free))
    found = covariance(model, normal, torch.zeros(1, len(free), dtype=torch.bool))
    inverse = np.linalg.inv(normal[0].numpy())
    np.testing.assert_allclose(found.matrix[0], inverse, rtol=1e-6, atol=1e-9 * np.abs(inverse).max())
    draws = np.zeros((400_000, len(model.columns)))
    draws[:, free] = np.random.default_rng(2).multivariate_normal(np.zeros(len(free)), inverse, 400_000)
    matrix, _ = model.affine
    spread = (draws @ matrix.T).std(0)
    errors = found.errors[0].numpy()
    assert np.isnan(errors[model.index("b_q")])
    known = np.isfinite(errors)
    np.testing.assert_allclose(errors[known], spread[known], rtol=0.01)
    a, b, c = (errors[model.index(f"{name}_mag")] for name in "abc")
    assert abs(c - np.hypot(0.3 * a, 0.7 * b)) > 0.01 * c  # the correlation counts
    whole = full(model, found.matrix)[0].numpy()
    np.testing.assert_allclose(whole, np.cov((draws @ matrix.T).T), atol=0.02 * np.nanmax(whole))


def test_what_follows_an_unknown_error_is_unknown():
    model = _model()
    free = list(model.free)
    held = torch.zeros(1, len(free), dtype=torch.bool)
    held[0, free.index(model.index("b_mag"))] = True
    errors = covariance(model, _normal(len(free)), held).errors[0]
    assert torch.isnan(errors[model.index("b_mag")])
    assert torch.isnan(errors[model.index("c_mag")])
    assert torch.isfinite(errors[model.index("c_x")])


@pytest.fixture(scope="module")
def bulge_disk():
    """A fit of a bulge and a disk, noise from the model's own light."""
    model = template("bulge+disk")
    rng = np.random.default_rng(5)
    truth = dict.fromkeys(model.columns, 0.0)
    truth |= {"bulge_x": 31.0, "bulge_y": 32.0, "bulge_mag": 18.0, "bulge_r_eff": 2.5, "bulge_n": 3.0}
    truth |= {"bulge_q": 0.8, "bulge_pa": 20.0, "disk_x": 31.0, "disk_y": 32.0, "disk_mag": 17.2}
    truth |= {"disk_r_eff": 8.0, "disk_q": 0.6, "disk_pa": 40.0}
    values = np.array([truth[column] for column in model.columns])
    from galviewer import Workbench

    blank = Galaxy.from_arrays(rng.normal(0, 0.01, (64, 64)), np.full((64, 64), 0.01), zeropoint=22.5)
    light = Workbench(blank, model).render(values).sum(0)
    sigma = np.sqrt(0.01**2 + light / 300)
    galaxy = Galaxy.from_arrays(light + sigma * rng.standard_normal(light.shape), sigma, zeropoint=22.5,
                                pixel_scale=0.4)  # fmt: skip
    return fit_galaxies([galaxy], model, starts=[values])[0]


def test_derived_quantities_have_the_scatter_of_draws(bulge_disk):
    fit = bulge_disk
    found = derived(fit)
    free = list(fit.model.free)
    rng = np.random.default_rng(3)
    draws = np.tile(fit.parameters, (4000, 1))
    # A tenth of the covariance keeps the draws where first order holds.
    draws[:, free] = rng.multivariate_normal(fit.parameters[free], 0.01 * fit.covariance, 4000)
    draws = draws @ fit.model.affine[0].T + fit.model.affine[1]
    names, values = quantities(fit, draws)
    assert names == found.names
    assert {"bt", "total_mag", "bulge_mu_eff", "disk_flux", "disk_fraction"} <= set(names)
    # 4000 draws: a standard deviation to 1.1 %.
    np.testing.assert_allclose(10.0 * values.std(0), found.errors, rtol=0.06)
    np.testing.assert_allclose(100.0 * np.cov(values.T)[0, 1:3], found.covariance[0, 1:3], rtol=0.3)


def test_derived_quantities_are_those_of_the_catalogue(bulge_disk):
    values = row(bulge_disk)
    found = derived(bulge_disk)
    for name, value, error in zip(found.names, found.values, found.errors, strict=True):
        assert value == pytest.approx(values[name], rel=1e-9), name
        if f"{name}_err" in values:
            assert error == pytest.approx(values[f"{name}_err"], rel=1e-3), name


def test_without_covariance_nothing_is_uncertain(bulge_disk):
    found = derived(replace(bulge_disk, covariance=np.zeros((0, 0))))
    assert (found.errors == 0).all()
