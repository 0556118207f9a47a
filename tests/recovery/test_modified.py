"""Planar and modified galaxies with noise, fitted from perturbed starts: as good a fit as the truth is."""

from __future__ import annotations

import pytest
import torch

from galviewer.fit import FitSettings, Problem, fit
from galviewer.model import Component, Model
from galviewer.render import Renderer

SPIRAL = {
    "spiral_r_in": 2.0,
    "spiral_r_out": 14.0,
    "spiral_angle": 120.0,
    "spiral_scale": 5.0,
    "inclination": 35.0,
    "spiral_pa": 60.0,
}
CASES = [
    ("edge_on", ("bending2",), {"r_s": 6.0, "h_z": 0.8, "b2": 0.3}),
    ("exponential_disk_3d", (), {"r_s": 5.0, "h_z": 1.0, "n_z": 1.0, "inclination": 75.0}),
    (
        "sersic",
        ("fourier1", "fourier3"),
        {"r_eff": 6.0, "n": 1.5, "q": 0.6, "f1": 0.1, "f1_phase": 40.0, "f3": 0.08, "f3_phase": 20.0},
    ),
    ("sersic", ("outer_truncation",), {"r_eff": 8.0, "n": 1.0, "q": 0.6, "r_out": 10.0, "r_out_soft": 4.0}),
    ("exponential", ("spiral",), {"r_eff": 7.0, "q": 0.4} | SPIRAL),
]
SPREAD = {"x": 0.8, "y": 0.8, "mag": 0.2, "f1": 0.03, "f3": 0.03, "b2": 0.2, "spiral_r_in": 0.5}


@pytest.mark.parametrize(("profile", "modifiers", "shape"), CASES, ids=lambda v: str(v)[:24])
def test_fit_is_as_good_as_the_truth(profile, modifiers, shape):
    torch.manual_seed(11)
    side, batch = 56, 3
    model = Model((Component("galaxy", profile, modifiers=modifiers),))
    place = {"x": 27.3, "y": 26.6, "mag": 0.0, "pa": 30.0, "boxiness": 0.0}
    truth = torch.tensor([[(place | shape)[p.name] for p in model.parameters]], dtype=torch.float64)
    y, x = torch.meshgrid(torch.arange(21.0) - 10, torch.arange(21.0) - 10, indexing="ij")
    psf = torch.exp(-(x * x + y * y) / (2 * 1.5**2))
    psf = (psf / psf.sum())[None]
    zeropoint = torch.tensor([10.0])
    image = Renderer(model, (side, side), psf, zeropoint=zeropoint).image(truth)
    noise = float(image.max()) / 100
    data = image + noise * torch.randn(batch, side, side)
    starts = truth.repeat(batch, 1)
    for index in model.free:
        parameter = model.parameters[index]
        width = 8.0 if parameter.unit == "deg" else 0.12 * abs(float(truth[0, index]))
        starts[:, index] += SPREAD.get(parameter.name, width) * (2 * torch.rand(batch) - 1)
    sigma, mask = torch.full_like(data, noise), torch.zeros_like(data, dtype=torch.bool)
    problem = Problem.of(model, data, sigma, mask, psf, zeropoint.expand(batch))
    found = fit(problem, starts, FitSettings(device="cpu"))
    at_truth = ((data - image) / noise).double().square().flatten(1).sum(1)
    gained = at_truth - found.chi2.cpu()
    # Twice the logarithm of the likelihood ratio: chi-square with as many degrees as parameters.
    assert bool((gained > -0.5).all())
    assert bool((gained < 5 * len(model.free)).all())
