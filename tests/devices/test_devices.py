"""One suite for every device: drawing and fitting give elsewhere what they give on the processor.

Without a GPU the same tests run on a device that only pretends (see `elsewhere`): it finds every tensor that
was left behind on the processor.
"""

from __future__ import annotations

import importlib.util
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from galviewer import model, profiles
from galviewer.fit import FitSettings, Problem, fit
from galviewer.fit.likelihood import Likelihood
from galviewer.fit.search import SearchSettings
from galviewer.model import Component, Model
from galviewer.render import Renderer
from galviewer.uncertainty import Target, bootstrap, covariance
from galviewer.uncertainty.ensemble import sample

_spec = importlib.util.spec_from_file_location("elsewhere", Path(__file__).with_name("elsewhere.py"))
assert _spec is not None
assert _spec.loader is not None
elsewhere = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(elsewhere)

SHAPE = (33, 36)
PLACE = {"x": 17.2, "y": 16.4, "mag": -7.0, "pa": 35.0, "level": 0.1}
BESIDE = {"core_sersic": {"r_break": 1.0}, "king": {"r_c": 2.0, "r_t": 9.0}, "ring": {"r_ring": 5.0}}

QUICK = SearchSettings(max_iterations=12, starts=2, population=6, generations=4, patience=8)
KNOWN = (
    model.template("sersic")
    .replace("sersic_n", lower=0.5, upper=6.0)
    .replace("sersic_r_eff", lower=1.0, upper=12.0)
)

devices = pytest.mark.parametrize("device", ["elsewhere", pytest.param("cuda", marks=pytest.mark.gpu)])


@contextmanager
def _on(device):
    """A context in which that device can be used."""
    if device == "elsewhere":
        with torch.no_grad(), elsewhere.elsewhere() as place:
            yield place
    else:
        with torch.no_grad():
            yield torch.device(device)


def _back(tensor):
    return elsewhere.here(tensor).cpu()


def _psf():
    y, x = torch.meshgrid(*[torch.arange(17, dtype=torch.float64) - 8] * 2, indexing="ij")
    stamp = torch.exp(-((x - 0.4) ** 2 + y * y) / (2 * 1.6**2))
    return stamp / stamp.sum()


def _values(drawn: Model) -> torch.Tensor:
    """Two galaxies: declared defaults in a common place, the second one a little different."""
    row = []
    for component in drawn.components:
        for parameter, declared in zip(component.parameters, component.declaration.parameters, strict=True):
            value = PLACE.get(parameter.name, declared.default)
            row.append(BESIDE.get(component.profile, {}).get(parameter.name, value))
    values = torch.tensor([row, row], dtype=torch.float64)
    for k, column in enumerate(drawn.columns):
        if column.endswith(("_x", "_mag", "_pa")):
            values[1, k] += 0.7
    return values


def _same_planes(drawn: Model, psf: torch.Tensor | None, device: str) -> None:
    values = _values(drawn)
    image, slopes = Renderer(drawn, SHAPE, psf, dtype=torch.float64).jacobian(values)
    with _on(device) as place:
        stamp = None if psf is None else psf.to(place)
        renderer = Renderer(drawn, SHAPE, stamp, dtype=torch.float64, device=place)
        found, found_slopes = renderer.jacobian(values.to(place))
        assert found.device.type == place.type
        assert found_slopes.device.type == place.type
    torch.testing.assert_close(_back(found), image, rtol=1e-9, atol=1e-12)
    torch.testing.assert_close(_back(found_slopes), slopes, rtol=1e-8, atol=1e-10)
    assert float(image.abs().max()) > 0


@devices
@pytest.mark.parametrize("psf", [True, False], ids=["psf", "pixels"])
@pytest.mark.parametrize("name", profiles.names())
def test_every_profile_is_drawn_there(name, psf, device):
    if name == "point" and not psf:
        pytest.skip("a point source needs a PSF")
    _same_planes(Model((Component("it", name),)), _psf() if psf else None, device)


@devices
@pytest.mark.parametrize("modifier", profiles.modifier_names())
def test_every_modifier_is_drawn_there(modifier, device):
    bent = Component("it", "sersic", modifiers=(modifier,))
    _same_planes(Model((bent,)), _psf(), device)


def _noisy(drawn: Model):
    image = Renderer(drawn, SHAPE, _psf()).image(_values(drawn))
    sigma = torch.full_like(image, 0.05)
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
    return image + sigma * noise, sigma, torch.zeros_like(image, dtype=torch.bool)


def _problem(drawn: Model, place: torch.device | str = "cpu", **more) -> Problem:
    image, sigma, mask = (plane.to(place) for plane in _noisy(drawn))
    zeropoint = torch.zeros(2).to(place)
    more = {k: v.to(place) if isinstance(v, torch.Tensor) else v for k, v in more.items()}
    return Problem.of(drawn, image, sigma, mask, _psf().float().to(place), zeropoint, **more)


def _same_fit(drawn: Model, settings: FitSettings, device: str, **more) -> None:
    start = _values(drawn) + 0.05
    with torch.no_grad():
        here = fit(_problem(drawn, **more), start, settings)
    with _on(device) as place:
        there = fit(_problem(drawn, place, **more), start.to(place), settings)
        assert there.values.device.type == place.type
        errors = covariance(drawn, there.normal, there.held)
    expected = covariance(drawn, here.normal, here.held).errors
    # Sums in another order may stop a fit one step earlier: the stop rule leaves 0.03 standard errors.
    allowed = 0.05 * torch.nan_to_num(expected) + 1e-9
    assert bool(((_back(there.values) - here.values).abs() <= allowed).all())
    torch.testing.assert_close(_back(errors.errors), expected, rtol=2e-2, atol=1e-6, equal_nan=True)


@devices
@pytest.mark.parametrize("name", ["sersic+sky", "bulge+disk", "sersic+point"])
def test_a_fit_there_ends_at_the_same_place(name, device):
    _same_fit(model.template(name), FitSettings(max_iterations=8), device)


@devices
@pytest.mark.parametrize("likelihood", ["poisson", "pearson", "student_t", "chi2_distribution"])
def test_every_likelihood_is_evaluated_there(likelihood, device):
    drawn = model.template("sersic+sky")
    values = _values(drawn)
    more = {"likelihood": Likelihood(likelihood), "gain": 4.0, "sky_level": 20.0}
    with torch.no_grad():
        here = _problem(drawn, **more).evaluate(values)
    with _on(device) as place:
        problem = _problem(drawn, place, **more)
        there, cost = problem.evaluate(values.to(place)), problem.cost(values.to(place))
    for name in ("cost", "chi2", "gradient", "normal"):
        torch.testing.assert_close(_back(getattr(there, name)), getattr(here, name), rtol=1e-6, atol=1e-3)
    torch.testing.assert_close(_back(cost), here.cost, rtol=1e-6, atol=1e-3)


@devices
@pytest.mark.parametrize("method", ["gradient", "lbfgs", "multistart", "differential_evolution", "auto"])
def test_every_method_runs_there(method, device):
    settings = FitSettings(method=method, max_iterations=6, search=QUICK)
    _same_fit(KNOWN, settings, device)


@devices
def test_draws_are_made_there(device):
    """Bootstrap multiplicities and the walkers of many galaxies."""
    drawn = model.template("sersic")
    values = _values(drawn)
    with _on(device) as place:
        problem = _problem(drawn, place)
        first = problem.select(torch.tensor([0], device=place))
        there, good = bootstrap(first, values[0].to(place), n=3, seed=1)
        walks = sample(Target.of(problem, values.to(place)), steps=3, burn=1, walkers=16, seed=1)
    here, _ = bootstrap(_problem(drawn).select(torch.tensor([0])), values[0], n=3, seed=1)
    assert _back(good).all()
    torch.testing.assert_close(_back(there), here, rtol=1e-5, atol=1e-5)
    walked = sample(Target.of(_problem(drawn), values), steps=3, burn=1, walkers=16, seed=1)
    torch.testing.assert_close(_back(walks.values), walked.values, rtol=1e-4, atol=1e-4)


def test_what_is_left_behind_is_found():
    """The pretended device itself: mixing raises, numbers and copies do not."""
    with elsewhere.elsewhere() as place:
        there = torch.arange(3.0, device=place)
        assert _back(there * 2.0 + torch.tensor(1.0)).tolist() == [1.0, 3.0, 5.0]
        with pytest.raises(elsewhere.LeftBehind, match="mixes"):
            there + torch.ones(3)
        assert there.cpu().tolist() == [0.0, 1.0, 2.0]
