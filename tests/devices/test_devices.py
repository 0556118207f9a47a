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
from galviewer.model import Component, Model
from galviewer.render import Renderer
from galviewer.uncertainty import covariance

_spec = importlib.util.spec_from_file_location("elsewhere", Path(__file__).with_name("elsewhere.py"))
assert _spec is not None
assert _spec.loader is not None
elsewhere = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(elsewhere)

SHAPE = (33, 36)
PLACE = {"x": 17.2, "y": 16.4, "mag": -7.0, "pa": 35.0, "level": 0.1}
BESIDE = {"core_sersic": {"r_break": 1.0}, "king": {"r_c": 2.0, "r_t": 9.0}, "ring": {"r_ring": 5.0}}

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
    torch.testing.assert_close(_back(there.values), here.values, rtol=1e-5, atol=1e-5)
    expected = covariance(drawn, here.normal, here.held).errors
    torch.testing.assert_close(_back(errors.errors), expected, rtol=1e-4, atol=1e-6, equal_nan=True)


@devices
@pytest.mark.parametrize("name", ["sersic+sky", "bulge+disk", "sersic+point"])
def test_a_fit_there_ends_at_the_same_place(name, device):
    _same_fit(model.template(name), FitSettings(max_iterations=8), device)


def test_what_is_left_behind_is_found():
    """The pretended device itself: mixing raises, numbers and copies do not."""
    with elsewhere.elsewhere() as place:
        there = torch.arange(3.0, device=place)
        assert _back(there * 2.0 + torch.tensor(1.0)).tolist() == [1.0, 3.0, 5.0]
        with pytest.raises(elsewhere.LeftBehind, match="mixes"):
            there + torch.ones(3)
        assert there.cpu().tolist() == [0.0, 1.0, 2.0]
