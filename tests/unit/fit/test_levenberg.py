"""The solver: bounds, ties, swapped axes, failures that stay alone, state in and out."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.errors import SettingsError
from galviewer.fit import FitSettings, Problem, choose_batch_size, fit, levenberg
from galviewer.flags import Flag
from galviewer.model import Component, Model, Tie
from galviewer.render import Renderer
from galviewer.uncertainty import covariance

SERSIC = model.template("sersic")
TRUTH = [30.3, 29.6, -7.0, 5.0, 2.0, 0.6, 40.0, 0.0]


def _psf():
    y, x = np.mgrid[:21, :21] - 10
    stamp = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return torch.tensor(stamp / stamp.sum())


def _problem(
    rows, fitted=SERSIC, drawn=SERSIC, psf=True, sigma=0.05, dtype=torch.float64, mask=None, spoil=None
):
    """Noisy images of `drawn` at `rows`, to be fitted with `fitted`."""
    values = torch.tensor(rows, dtype=torch.float64)
    stamp = _psf().to(dtype) if psf else None
    images = Renderer(drawn, (60, 61), stamp, dtype=dtype).image(values)
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    images = images + sigma * noise.to(dtype)
    if spoil is not None:
        images = spoil(images)
    mask = torch.zeros_like(images, dtype=torch.bool) if mask is None else mask.expand_as(images)
    errors = torch.full_like(images, sigma)
    return Problem.of(fitted, images, errors, mask, None if stamp is None else stamp[None], torch.zeros(1))


def _start(**changes):
    names = [p.name for p in SERSIC.parameters]
    return [changes.get(name, value) for name, value in zip(names, TRUTH, strict=True)]


@pytest.mark.parametrize("psf", [True, False], ids=["psf", "pixels"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_finds_the_truth_within_its_errors(psf, dtype):
    problem = _problem([TRUTH] * 3, psf=psf, dtype=dtype)
    starts = torch.tensor([_start(mag=-6.5, r_eff=3.5, n=1.0, q=0.8, pa=60.0, x=31.0, y=29.0)] * 3)
    result = fit(problem, starts, FitSettings())
    errors = covariance(SERSIC, result.normal, result.held).errors
    assert result.flags.tolist() == [0, 0, 0]
    pulls = (result.values - torch.tensor(TRUTH, dtype=torch.float64))[:, :7] / errors[:, :7]
    assert float(pulls.abs().max()) < 4.0
    assert bool(torch.isnan(errors[:, 7]).all())
    chi2_nu = result.chi2 / (result.n_pixels - 7)
    assert bool(((chi2_nu - 1.0).abs() < 0.1).all())


def test_a_batch_equals_singles():
    rows = [_start(), _start(n=4.0, r_eff=8.0), _start(q=0.2, pa=170.0), _start(mag=-4.0)]
    problem = _problem(rows)
    starts = torch.tensor([_start(r_eff=4.0, n=1.5, pa=60.0)] * 4)
    together = fit(problem, starts)
    for k in range(4):
        alone = fit(problem.select(torch.tensor([k])), starts[k : k + 1])
        torch.testing.assert_close(together.values[k], alone.values[0], rtol=1e-7, atol=1e-8)
        assert together.iterations[k] == alone.iterations[0]


def test_axes_may_swap_on_the_way():
    problem = _problem([TRUTH])
    result = fit(problem, torch.tensor([_start(pa=130.0, q=0.6)]))
    assert int(result.flags[0]) == 0
    assert float(result.values[0, 5]) == pytest.approx(0.6, abs=0.02)
    assert float(result.values[0, 6]) == pytest.approx(40.0, abs=3.0)
    assert float(result.values[0, 3]) == pytest.approx(5.0, abs=0.2)


def test_a_bad_galaxy_does_not_harm_its_neighbours():
    def spoil(images):
        images[1] = torch.nan
        return images

    rows, starts = [TRUTH] * 3, torch.tensor([_start(r_eff=4.0)] * 3)
    clean = fit(_problem(rows), starts)
    result = fit(_problem(rows, spoil=spoil), starts)
    assert int(result.flags[1]) & Flag.NON_FINITE
    torch.testing.assert_close(result.values[[0, 2]], clean.values[[0, 2]], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(result.values[1], starts[1].double())


def test_non_finite_starts_are_flagged():
    starts = torch.tensor([_start(), _start(x=float("nan"))])
    result = fit(_problem([TRUTH] * 2), starts)
    assert int(result.flags[0]) == 0
    assert int(result.flags[1]) & Flag.NON_FINITE


def test_masked_pixels_count_nowhere():
    mask = torch.zeros(60, 61, dtype=torch.bool)
    mask[5:15, 5:20] = True
    mask[28:31, 40:45] = True

    def spoil(images):
        images[:, mask] = torch.nan
        return images

    starts = torch.tensor([_start(r_eff=4.0)])
    poisoned = fit(_problem([TRUTH], mask=mask, spoil=spoil), starts)
    clean = fit(_problem([TRUTH], mask=mask), starts)
    torch.testing.assert_close(poisoned.values, clean.values, rtol=0, atol=0)
    assert int(poisoned.n_pixels[0]) == 60 * 61 - int(mask.sum())


def test_fixed_parameters_stay_and_bounds_hold():
    bounded = SERSIC.replace("sersic_n", upper=1.5).replace("sersic_q", start=0.5, fixed=True)
    result = fit(_problem([TRUTH], fitted=bounded), torch.tensor([_start(n=1.0, q=0.5)]))
    assert float(result.values[0, 4]) == pytest.approx(1.5)
    assert float(result.values[0, 5]) == 0.5
    assert int(result.flags[0]) == Flag.AT_BOUND
    errors = covariance(bounded, result.normal, result.held).errors[0]
    assert torch.isnan(errors[[4, 5, 7]]).all()
    assert torch.isfinite(errors[[0, 1, 2, 3, 6]]).all()


def test_starts_outside_bounds_are_moved_in():
    bounded = SERSIC.replace("sersic_n", lower=1.0, upper=3.0)
    result = fit(_problem([TRUTH], fitted=bounded), torch.tensor([_start(n=9.0)]))
    assert int(result.flags[0]) == 0
    assert float(result.values[0, 4]) == pytest.approx(2.0, abs=0.2)


def test_ties_are_kept_and_have_errors():
    two = Model((Component("a", "sersic"), Component("b", "exponential")))
    for name in ("x", "y", "q", "pa"):
        two = two.replace(f"b_{name}", tied=Tie(f"a.{name}"))
    two = two.replace("b_r_eff", tied=Tie("a.r_eff", 3.0))
    row = [[30.3, 29.6, -7.0, 2.0, 2.0, 0.6, 40.0, 0.0, 30.3, 29.6, -7.5, 6.0, 0.6, 40.0, 0.0]]
    problem = _problem(row, fitted=two, drawn=two)
    start = torch.tensor(row)
    start[0, [3, 4, 10]] = torch.tensor([2.6, 1.2, -7.0])
    result = fit(problem, start)
    values = result.values[0]
    assert float(values[11]) == pytest.approx(3.0 * float(values[3]), rel=1e-12)
    assert float(values[13]) == float(values[6])
    errors = covariance(two, result.normal, result.held).errors[0]
    assert float(errors[11]) == pytest.approx(3.0 * float(errors[3]), rel=1e-9)
    assert float((values[3] - 2.0).abs() / errors[3]) < 4.0


def test_state_goes_in_and_comes_out():
    problem = _problem([TRUTH, _start(n=3.0)])
    settings = FitSettings()
    state = levenberg.init(problem, torch.tensor([_start(r_eff=3.0, n=1.0)] * 2), settings)
    costs = [state.chi2]
    while not state.done:
        before = dataclasses.replace(state)
        state = levenberg.step(problem, state, settings)
        torch.testing.assert_close(before.chi2, costs[-1], rtol=0, atol=0)
        costs.append(state.chi2)
    assert bool((torch.stack(costs).diff(dim=0) <= 0).all())
    assert state.status.tolist() == [levenberg.CONVERGED] * 2


def test_a_step_that_fails_is_not_taken():
    problem = _problem([TRUTH])
    settings = FitSettings(damping=1e-9)
    state = levenberg.init(
        problem, torch.tensor([_start(r_eff=0.3, n=0.3, q=0.1, pa=81.5, x=30.0, mag=-2.0)]), settings
    )
    falls, refused = [], 0
    while not state.done:
        after = levenberg.step(problem, state, settings)
        falls.append(float(state.chi2[0] - after.chi2[0]))
        refused += falls[-1] == 0.0 and bool(after.damping[0] > state.damping[0])
        state = after
    assert refused > 0
    assert min(falls) >= 0.0


def test_too_few_iterations_are_flagged():
    start = torch.tensor([_start(r_eff=1.0, n=0.5, pa=100.0)])
    result = fit(_problem([TRUTH]), start, FitSettings(max_iterations=1))
    assert int(result.flags[0]) & Flag.NOT_CONVERGED
    assert int(result.iterations[0]) == 1


def test_too_few_pixels_are_flagged():
    mask = torch.ones(60, 61, dtype=torch.bool)
    mask[30, 28:33] = False
    result = fit(_problem([TRUTH], mask=mask), torch.tensor([_start()]))
    assert int(result.flags[0]) & Flag.TOO_FEW_PIXELS


def test_undetermined_directions_have_no_error():
    twice = Model((Component("one", "flat_sky"), Component("two", "flat_sky"), *SERSIC.components))
    start = torch.tensor([[0.1, 0.1, *_start()]])
    result = fit(_problem([TRUTH], fitted=twice), start)
    found = covariance(twice, result.normal, result.held)
    assert bool(found.singular[0])
    assert bool(torch.isnan(found.errors[0, :2]).all())
    assert bool(torch.isfinite(found.errors[0, 2:9]).all())


@pytest.mark.parametrize("scale", [1e-12, 1e9])
def test_units_of_any_size(scale):
    problem = _problem([TRUTH], dtype=torch.float32)
    scaled = dataclasses.replace(problem, data=problem.data * scale, weight=problem.weight / scale)
    shift = -2.5 * np.log10(scale)
    start = torch.tensor([_start(mag=-6.5 + shift, r_eff=4.0)], dtype=torch.float64)
    result = fit(scaled, start)
    assert int(result.flags[0]) == 0
    assert float(result.values[0, 2]) == pytest.approx(-7.0 + shift, abs=0.05)


def test_settings_refuse_nonsense():
    with pytest.raises(SettingsError, match="psf_kind"):
        FitSettings(psf_kind="both")
    with pytest.raises(SettingsError, match="float32 or float64"):
        FitSettings(dtype="float16")
    with pytest.raises(SettingsError, match="at least 1"):
        FitSettings(max_iterations=0)


def test_batch_size_follows_the_cache_and_the_wish():
    cpu = torch.device("cpu")
    assert choose_batch_size(FitSettings(batch_size=5), 7, 10**6, cpu) == 5
    assert choose_batch_size(FitSettings(), 7, 10**9, cpu) == 1
    assert choose_batch_size(FitSettings(), 7, 169 * 169, cpu) > choose_batch_size(
        FitSettings(), 11, 512**2, cpu
    )


@pytest.mark.gpu
def test_gpu_equals_cpu():
    problem = _problem([TRUTH] * 2)
    start = torch.tensor([_start(r_eff=4.0)] * 2)
    on_cpu = fit(problem, start)
    values = torch.tensor([TRUTH] * 2, dtype=torch.float64)
    images = Renderer(SERSIC, (60, 61), _psf(), dtype=torch.float64, device="cuda").image(values.cuda())
    assert images.device.type == "cuda"
    moved = Problem.of(
        SERSIC,
        problem.data.reshape(2, 60, 61).cuda(),
        (1.0 / problem.weight).reshape(2, 60, 61).cuda(),
        torch.zeros(2, 60, 61, dtype=torch.bool).cuda(),
        _psf()[None].cuda(),
        torch.zeros(1),
    )
    torch.testing.assert_close(fit(moved, start).values.cpu(), on_cpu.values, rtol=1e-6, atol=1e-6)
