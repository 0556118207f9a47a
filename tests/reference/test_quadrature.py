"""Without a PSF every pixel agrees with brute-force quadrature, and the stamp's total with the exact one."""

from __future__ import annotations

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from galviewer import model
from galviewer.render import Renderer

_spec = importlib.util.spec_from_file_location("quadrature", Path(__file__).with_name("quadrature.py"))
assert _spec is not None
assert _spec.loader is not None
quadrature = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(quadrature)

BOXY = model.template("sersic").replace("sersic_boxiness", fixed=False)
SIDE = 61


def _cases():
    """Random galaxies over the whole promised range."""
    rng = np.random.default_rng(5)
    for n in (0.3, 0.5, 1.0, 2.0, 4.0, 8.0):
        for boxiness in (0.0, 0.0, -0.8, -0.3, 0.5, 1.0):
            x, y = 30 + rng.uniform(-0.5, 0.5, 2)
            r_eff = float(np.exp(rng.uniform(0, np.log(60))))
            yield [x, y, 0.0, r_eff, n, rng.uniform(0.1, 1.0), rng.uniform(0, 180), boxiness]


@pytest.mark.parametrize("values", list(_cases()), ids=lambda v: f"n{v[4]}-r{v[3]:.1f}-q{v[5]:.2f}-b{v[7]}")
def test_pixels_equal_quadrature(values):
    image = (
        Renderer(BOXY, (SIDE, SIDE), None, dtype=torch.float64)
        .image(torch.tensor([values]).double())[0]
        .numpy()
    )
    angle = math.radians(values[6])
    ridge = [(round(30 - k * math.sin(angle)), round(30 + k * math.cos(angle))) for k in (2, 5, 12, 25)]
    pixels = [(30, 30), (31, 30), (30, 31), (29, 31), (33, 28), (10, 50), *ridge]
    expected = quadrature.pixel_averages(values, pixels)
    found = np.array([image[y, x] for x, y in pixels])
    # Within 1e-3, or within 1e-6 of the peak where the profile is that faint.
    assert (np.abs(found - expected) <= np.maximum(1e-3 * expected, 1e-6 * image.max())).all()


@pytest.mark.parametrize("n", [0.3, 1.0, 4.0, 8.0])
@pytest.mark.parametrize("q", [0.1, 0.7])
def test_total_inside_a_large_stamp(n, q):
    """An ellipse holds the fraction of the light that scipy's incomplete gamma function gives."""
    from scipy import special

    side, r_eff = 241, 4.0
    values = torch.tensor([[120.2, 119.7, 0.0, r_eff, n, q, 0.0, 0.0]], dtype=torch.float64)
    image = Renderer(BOXY, (side, side), None, dtype=torch.float64).image(values)[0].numpy()
    y, x = np.mgrid[:side, :side]
    r = np.hypot(y - 119.7, (x - 120.2) / q)
    inside = float((image * (r < 100.0)).sum())
    b = special.gammaincinv(2 * n, 0.5)
    expected = special.gammainc(2 * n, b * (100.0 / r_eff) ** (1 / n))
    # Pixels cut by the ellipse add less than the brightness there times their number's square root.
    assert inside == pytest.approx(expected, abs=2e-4)
