"""Edge-on disk and emissivities along the line of sight against scipy, and thin disks under a PSF."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import integrate, special

from galviewer import profiles
from galviewer.model import Component, Model
from galviewer.profiles.edge_on import x_k1
from galviewer.render import Renderer


def _tensor(*values):
    return [torch.tensor([value], dtype=torch.float64) for value in values]


def test_bessel_function_and_its_slope():
    x = torch.tensor([1e-9, 1e-3, 0.1, 1.0, 5.0, 30.0], dtype=torch.float64, requires_grad=True)
    value = x_k1(x)
    points = x.detach().numpy()
    np.testing.assert_allclose(value.detach(), points * special.k1(points), rtol=1e-12)
    (slope,) = torch.autograd.grad(value.sum(), x)
    np.testing.assert_allclose(slope, -points * special.k0(points), rtol=1e-12)
    assert float(x_k1(torch.zeros(1))) == 1.0


def _quadrature(u, v, h_z, n_z, inclination):
    """Line-of-sight integral of an exponential disk with scale length 1."""
    sin, cos = math.sin(math.radians(inclination)), math.cos(math.radians(inclination))

    def emissivity(s):
        t = 0.5 * n_z * abs(v * sin + s * cos) / h_z
        sech = 2 / n_z * (math.log(2) - t - math.log1p(math.exp(-2 * t)))
        return math.exp(sech - math.hypot(u, v * cos - s * sin))

    peaks = [-v * sin / cos if cos > 1e-3 else 0.0, v * cos / sin if sin > 1e-3 else 0.0]
    edges = sorted({p + d * k for p in peaks for d in (h_z, 1.0) for k in (-60, -20, -3, 0, 3, 20, 60)})
    pieces = itertools.pairwise(edges)
    return sum(integrate.quad(emissivity, a, b, epsabs=0, epsrel=1e-10, limit=200)[0] for a, b in pieces)


@pytest.mark.parametrize("inclination", [0.0, 30.0, 60.0, 80.0, 88.0, 90.0])
@pytest.mark.parametrize("h_z", [0.03, 0.2, 1.0])
@pytest.mark.parametrize("n_z", [1.0, 20.0])
def test_disk_in_space_equals_quadrature(inclination, h_z, n_z):
    disk = profiles.get("exponential_disk_3d")
    rng = np.random.default_rng(7)
    thickness = max(math.cos(math.radians(inclination)), h_z)
    points = [(0.0, 0.0), (1.0, 0.0), (0.0, thickness), *(rng.normal(0, 2, (5, 2)) * [1, thickness])]
    for u, v in points:
        assert disk.brightness is not None
        found = float(disk.brightness(*_tensor(u, v, 1.0, h_z, n_z, inclination)))
        assert found == pytest.approx(_quadrature(u, v, h_z, n_z, inclination), rel=1e-5)


def _image(name, values, side=61, psf=None):
    model = Model((Component("galaxy", name),))
    row = torch.tensor([[values[p.name] for p in model.parameters]], dtype=torch.float64)
    return Renderer(model, (side, side), psf, dtype=torch.float64).image(row)[0].numpy()


def _gaussian(sigma, side=25):
    y, x = np.mgrid[:side, :side] - side // 2
    stamp = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return torch.tensor(stamp / stamp.sum())


PLACE = {"x": 30.2, "y": 29.7, "mag": 0.0, "pa": 27.0, "r_s": 4.0, "n_z": 1.0, "boxiness": 0.0}


def test_face_on_it_is_the_exponential_disk():
    psf = _gaussian(1.5)
    found = _image("exponential_disk_3d", PLACE | {"h_z": 0.8, "inclination": 0.0}, psf=psf)
    flat = PLACE | {"r_eff": 1.678346990016661 * 4.0, "q": 1.0}
    expected = _image("exponential", flat, psf=psf)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * expected.max())


def test_edge_on_it_is_the_edge_on_disk():
    """sech^2(z / 2h) of the one is sech^2(v / h) of the other with twice the height."""
    psf = _gaussian(1.5)
    found = _image("exponential_disk_3d", PLACE | {"h_z": 0.6, "inclination": 90.0}, psf=psf)
    expected = _image("edge_on", PLACE | {"h_z": 1.2}, psf=psf)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * expected.max())


@pytest.mark.parametrize("pa", [0.0, 27.0, 90.0])
@pytest.mark.parametrize("h_z", [0.25, 0.5, 1.0, 2.0])
def test_thin_disk_under_a_psf(h_z, pa):
    """Twelve samples per pixel and axis, convolved with the Gaussian itself."""
    side, over, sigma, pad = 48, 12, 1.4, 20
    count = (side + 2 * pad) * over
    points = (np.arange(count) + 0.5) / over - 0.5 - pad
    dx, dy = np.meshgrid(points - 23.3, points - 23.9)
    sin, cos = math.sin(math.radians(pa)), math.cos(math.radians(pa))
    u, v = np.maximum(np.abs(dy * cos - dx * sin) / 4.0, 1e-12), dx * cos + dy * sin
    light = u * special.k1(u) / np.cosh(np.minimum(np.abs(v) / h_z, 300)) ** 2 / (2 * np.pi * 4.0 * h_z)
    fy, fx = np.fft.fftfreq(count, 1 / over)[:, None], np.fft.rfftfreq(count, 1 / over)
    blur = np.exp(-2 * np.pi**2 * sigma**2 * (fy**2 + fx**2))
    to_centres = np.exp(2j * np.pi * (fy + fx) * (0.5 - 0.5 / over))
    whole = np.fft.irfft2(np.fft.rfft2(light) * blur * to_centres, s=(count, count))
    expected = whole[pad * over :: over, pad * over :: over][:side, :side]
    place = PLACE | {"x": 23.3, "y": 23.9, "pa": pa, "h_z": h_z}
    found = _image("edge_on", place, side, _gaussian(sigma, 31))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1.5e-4 * expected.max())
