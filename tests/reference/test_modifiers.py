"""Modified images against numpy written from the formulas of Peng et al. 2010, on 10 x 10 points per pixel.

The brute force works with angles where the engine works with coordinates, and is normalised by its own sum.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal

from galviewer.model import Component, Model
from galviewer.render import Renderer

SIDE = 61
OVER = 10
GALAXY = {"x": 30.3, "y": 29.6, "mag": 0.0, "r_eff": 4.0, "n": 1.0, "q": 0.6, "pa": 35.0, "boxiness": 0.0}
SPIRAL = {
    "spiral_r_in": 2.0,
    "spiral_r_out": 14.0,
    "spiral_angle": 110.0,
    "spiral_scale": 4.0,
    "inclination": 40.0,
    "spiral_pa": 70.0,
}


def _rotation(r, values):
    """Log-tanh rotation, radians (appendix A)."""
    full = math.radians(values["spiral_angle"])
    a = 2 * 0.23 / (abs(full) + 0.23) - 1.00001
    b = (2 - math.atanh(a)) * values["spiral_r_out"] / (values["spiral_r_out"] - values["spiral_r_in"])
    onset = 0.5 * (np.tanh(b * (r / values["spiral_r_out"] - 1) + 2) + 1)
    scale = values["spiral_scale"]
    return full * onset * np.log(r / scale + 1) / np.log(values["spiral_r_out"] / scale + 1)


def _truncation(r, edge, soft):
    """Hyperbolic tangent of appendix B, rising with radius."""
    b = 2.65 - 4.98 * edge / (edge - soft)
    return 0.5 * (np.tanh((2 - b) * r / edge + b) + 1)


def brute_force(values):
    """Pixel averages of a modified exponential disk of flux 1."""
    points = (np.arange(SIDE * OVER) + 0.5) / OVER - 0.5
    x, y = np.meshgrid(points - values["x"], points - values["y"])
    if "spiral_angle" in values:
        nodes = math.radians(values["spiral_pa"] + 90)  # of the disk's major axis, from +x
        azimuth, r = np.arctan2(y, x), np.hypot(x, y)
        along, across = r * np.cos(azimuth - nodes), r * np.sin(azimuth - nodes)
        across = across / math.cos(math.radians(values["inclination"]))
        r, azimuth = np.hypot(along, across), np.arctan2(across, along) + nodes
        azimuth = azimuth - _rotation(r, values)
        x, y = r * np.cos(azimuth), r * np.sin(azimuth)
    # x' points to pa + 180 degrees, y' a quarter turn further counter-clockwise.
    turn = math.radians(values["pa"] + 180 + 90)
    x, y = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    for m in (1, 2, 3):
        y = y + values.get(f"b{m}", 0.0) * (x / values["r_eff"]) ** m
    y = y / values["q"]
    p = values["boxiness"] + 2
    r = (np.abs(x) ** p + np.abs(y) ** p) ** (1 / p)
    azimuth = -np.arctan2(y, x)
    r = r * (
        1
        + sum(
            values.get(f"f{m}", 0.0) * np.cos(m * (azimuth + math.radians(values.get(f"f{m}_phase", 0.0))))
            for m in range(1, 7)
        )
    )
    light = np.exp(-1.678346990016661 * r / values["r_eff"])
    if "r_in" in values:
        light *= _truncation(r, values["r_in"], values["r_in"] - values["r_in_soft"])
    if "r_out" in values:
        light *= 1 - _truncation(r, values["r_out"] + values["r_out_soft"], values["r_out"])
    return light.reshape(SIDE, OVER, SIDE, OVER).sum((1, 3)) / light.sum()


CASES = {
    "fourier1": {"f1": 0.2, "f1_phase": 25.0},
    "fourier2": {"f2": 0.15, "f2_phase": -30.0},
    "fourier3": {"f3": -0.1, "f3_phase": 50.0},
    "fourier4": {"f4": 0.1, "f4_phase": 10.0},
    "fourier5": {"f5": 0.1, "f5_phase": 5.0},
    "fourier6": {"f6": 0.08, "f6_phase": 20.0},
    "bending1": {"b1": 0.8},
    "bending2": {"b2": 0.35},
    "bending3": {"b3": -0.04},
    "inner_truncation": {"r_in": 5.0, "r_in_soft": 3.0},
    "outer_truncation": {"r_out": 5.0, "r_out_soft": 4.0},
    "spiral": SPIRAL,
    "fourier1 fourier3 boxy": {"f1": 0.1, "f1_phase": 0.0, "f3": 0.1, "f3_phase": 40.0, "boxiness": 0.5},
    "spiral fourier2 outer_truncation": SPIRAL
    | {"f2": 0.1, "f2_phase": 20.0, "r_out": 8.0, "r_out_soft": 4.0},
}


def _drawn(name, profile, psf=None, kind="effective"):
    modifiers = tuple(part for part in name.split() if part != "boxy")
    values = GALAXY | CASES[name]
    component = Component("galaxy", profile, modifiers=modifiers).replace("boxiness", fixed=False)
    model = Model((component,))
    row = torch.tensor([[values[p.name] for p in model.parameters]], dtype=torch.float64)
    return Renderer(model, (SIDE, SIDE), psf, kind, dtype=torch.float64).image(row)[0].numpy(), values


@pytest.mark.parametrize("profile", ["exponential", "sersic"])
@pytest.mark.parametrize("name", CASES)
def test_pixels_equal_brute_force(name, profile):
    found, values = _drawn(name, profile)
    expected = brute_force(values)
    # Ten points per pixel leave out a few 1e-4 of a cusp; the light outside the stamp is below 1e-3.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.5e-3 * expected.max())
    assert found.sum() == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize("name", CASES)
def test_convolved_equals_brute_force(name):
    y, x = np.mgrid[:25, :25] - 12
    stamp = np.exp(-(x**2 + y**2 + 0.5 * x * y) / (2 * 1.6**2))
    stamp /= stamp.sum()
    found, values = _drawn(name, "exponential", torch.tensor(stamp), "optical")
    expected = signal.fftconvolve(brute_force(values), stamp, mode="same")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3 * expected.max())


@pytest.mark.parametrize("name", ["fourier2", "bending2", "spiral"])
def test_held_at_nothing_is_the_plain_profile(name):
    """Modifiers fixed where they do nothing cost nothing, and free ones agree there."""
    plain = Renderer(Model((Component("galaxy", "sersic"),)), (SIDE, SIDE), dtype=torch.float64)
    row = [GALAXY[p.name] for p in plain.model.parameters]
    expected = plain.image(torch.tensor([row], dtype=torch.float64))
    component = Component("galaxy", "sersic", modifiers=(name,))
    neutral = {"f2": 0.0, "b2": 0.0, "spiral_angle": 0.0, "inclination": 0.0}
    values = SPIRAL | CASES[name] | neutral
    row += [values[p.name] for p in component.parameters[len(row) :]]
    held = component
    for parameter in component.parameters[8:]:
        held = held.replace(parameter.name, fixed=True, start=values[parameter.name])
    images = [
        Renderer(Model((c,)), (SIDE, SIDE), dtype=torch.float64).image(
            torch.tensor([row], dtype=torch.float64)
        )
        for c in (held, component)
    ]
    assert torch.equal(images[0], expected)
    torch.testing.assert_close(images[1], expected, rtol=0, atol=1e-5 * float(expected.max()))
