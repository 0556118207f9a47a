"""Declarations: closed forms equal automatic ones; a user's profile is as good as a shipped one."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys

import pytest
import torch

from galviewer import profiles
from galviewer.errors import ModelError
from galviewer.profiles import Profile, ProfileParameter

ELLIPTICAL = [name for name in profiles.names() if profiles.get(name).kind == "elliptical"]


def _shape(profile, seed=0):
    """Random shape parameters of five galaxies, inside the bounds."""
    generator = torch.Generator().manual_seed(seed)
    columns = []
    for parameter in profile.shape:
        low, high = max(parameter.lower, 0.4), min(parameter.upper, 8.0)
        columns.append(low + (high - low) * torch.rand(5, generator=generator, dtype=torch.float64))
    return columns


@pytest.mark.parametrize("name", ELLIPTICAL)
def test_closed_flux_equals_quadrature(name):
    profile = profiles.get(name)
    shape = _shape(profile)
    if name == "moffat":
        # Shallow wings carry flux beyond the quadrature's reach.
        shape[1] = shape[1].clamp_min(1.5)
    if name == "nuker":
        shape[2] = shape[2].clamp_min(3.5)
    by_quadrature = profiles.total(dataclasses.replace(profile, flux=None), *shape)
    torch.testing.assert_close(profiles.total(profile, *shape), by_quadrature, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ELLIPTICAL)
def test_closed_derivatives_equal_automatic_ones(name):
    profile = profiles.get(name)
    shape = [s[:, None] for s in _shape(profile, 1)]
    r = torch.linspace(0.01, 20.0, 60, dtype=torch.float64).expand(5, 60)
    automatic = profiles.with_derivatives(dataclasses.replace(profile, derivatives=None), r, *shape)
    found = profiles.with_derivatives(profile, r, *shape)
    for one, other in zip(
        (found[0], found[1], *found[2]), (automatic[0], automatic[1], *automatic[2]), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ELLIPTICAL)
def test_closed_flux_slopes_equal_automatic_ones(name):
    profile = profiles.get(name)
    shape = _shape(profile, 2)
    automatic = profiles.total_slopes(dataclasses.replace(profile, flux_slopes=None), *shape)
    for one, other in zip(profiles.total_slopes(profile, *shape), automatic, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_users_profile_gets_flux_and_derivatives(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "from galviewer import profiles\n"
        "core = profiles.ProfileParameter('r_core', 'pixel', 3.0, 0.1, 100.0, 'core radius', 'log')\n"
        "profiles.register(profiles.Profile('plummer', 'Plummer', shape=(core,),\n"
        "    brightness=lambda r, r_core: (1 + (r / r_core) ** 2) ** -2))\n"
    )
    assert profiles.load_user_profiles(file) == ("plummer",)
    profile = profiles.get("plummer")
    core = torch.tensor([2.0, 5.0], dtype=torch.float64)
    torch.testing.assert_close(profiles.total(profile, core), math.pi * core**2, rtol=1e-6, atol=0)
    torch.testing.assert_close(profiles.total_slopes(profile, core)[0], 2.0 / core, rtol=1e-6, atol=0)
    assert profile.parameter_names == ("x", "y", "mag", "r_core", "q", "pa", "boxiness")


def test_bad_profiles_are_refused(tmp_path):
    with pytest.raises(ModelError, match="no brightness function"):
        profiles.register(Profile("empty", "Empty"))
    with pytest.raises(ModelError, match="shipped profile"):
        profiles.register(Profile("sersic", "Mine", brightness=lambda r: r))
    with pytest.raises(ModelError, match="not known"):
        profiles.get("unheard")
    with pytest.raises(ModelError, match="cannot be read"):
        profiles.load_user_profiles(tmp_path / "missing.py")
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0")
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        profiles.load_user_profiles(broken)


def test_declared_parameters_have_unit_meaning_and_order():
    for name in profiles.names():
        for parameter in profiles.get(name).parameters:
            assert isinstance(parameter, ProfileParameter)
            assert parameter.meaning
            assert parameter.lower < parameter.upper
            assert parameter.lower <= parameter.default <= parameter.upper


def test_gradients_after_use_in_inference_mode():
    code = (
        "import torch\n"
        "from galviewer.profiles.sersic import sersic_b\n"
        "with torch.inference_mode():\n"
        "    sersic_b(torch.tensor([4.0]))\n"
        "n = torch.tensor([4.0], dtype=torch.float64, requires_grad=True)\n"
        "sersic_b(n).sum().backward()\n"
        "assert abs(float(n.grad) - 2.0) < 0.01\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
