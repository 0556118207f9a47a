"""Folders of small galaxies: round Gaussians with noise, enough for the engine and quickly fitted."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from galviewer import model, run


def write_galaxy(folder, name, seed, side=40, height=None):
    rng = np.random.default_rng(seed)
    height = height or side
    y, x = np.mgrid[:height, :side]
    x0, y0 = 0.5 * (side - 1) + rng.uniform(-1, 1), 0.5 * (height - 1) + rng.uniform(-1, 1)
    width = rng.uniform(3.0, 5.0)
    along, across = np.hypot([width, 0.6 * width], 1.5)  # as seen through the PSF below
    light = 100.0 * np.exp(-0.5 * (((x - x0) / along) ** 2 + ((y - y0) / across) ** 2))
    image = (light + rng.normal(0.0, 1.0, light.shape)).astype(np.float32)
    header = fits.Header({"MAGZP": 25.0, "PIXSCALE": 0.4})
    fits.PrimaryHDU(image, header).writeto(folder / f"{name}_image.fits", overwrite=True)
    fits.PrimaryHDU(np.ones_like(image)).writeto(folder / f"{name}_sigma.fits", overwrite=True)


def make_folder(folder, number, side=40):
    folder.mkdir(exist_ok=True)
    for k in range(number):
        write_galaxy(folder, f"g{k:03d}", k, side)
    y, x = np.mgrid[-7:8, -7:8]
    psf = np.exp(-0.5 * (x**2 + y**2) / 1.5**2)
    fits.PrimaryHDU((psf / psf.sum()).astype(np.float32)).writeto(folder / "psf.fits", overwrite=True)
    return folder


@pytest.fixture
def galaxies(tmp_path):
    """Eight galaxies of 40 x 40 pixels."""
    return make_folder(tmp_path / "galaxies", 8)


@pytest.fixture(scope="session")
def many_galaxies(tmp_path_factory):
    """Forty-eight galaxies of 64 x 64 pixels: a dozen parts, each of which takes a moment."""
    return make_folder(tmp_path_factory.mktemp("many") / "galaxies", 48, side=64)


@pytest.fixture
def settings(galaxies, tmp_path):
    def make(out="run", **changes):
        values = {
            "folder": str(galaxies),
            "out": str(tmp_path / out),
            "model": model.load("sersic"),
            "threads": 1,
        }
        return run.RunSettings(**(values | changes))

    return make


@pytest.fixture
def start_child(root):
    """A real ``galviewer fit --json`` in a process of its own; ended with the test if it still runs."""
    children = []

    def start(*arguments):
        command = [sys.executable, "-m", "galviewer", "fit", *map(str, arguments), "--json", "--threads=1"]
        environment = os.environ | {"PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1"}
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd="/"
        )
        children.append(child)
        return child

    yield start
    for child in children:
        if child.poll() is None:
            child.kill()
        child.communicate()


@pytest.fixture
def wait_for():
    """Read a child's events until one of that kind came."""

    def wait(child, kind):
        for line in child.stdout:
            event = json.loads(line)
            if event["event"] == kind:
                return event
        raise AssertionError(f"the child ended without {kind!r}: {child.stderr.read()}")

    return wait


def assert_same_catalogue(one, other):
    """Every column but those of time, bit by bit."""
    from galviewer.products.catalogue import TIME_COLUMNS

    first, second = run.open(one).arrow(), run.open(other).arrow()
    assert first.column_names == second.column_names
    for name in first.column_names:
        if name not in TIME_COLUMNS:
            np.testing.assert_array_equal(first[name].to_numpy(), second[name].to_numpy(), err_msg=name)


@pytest.fixture
def same_catalogue():
    return assert_same_catalogue


@pytest.fixture
def add_galaxy():
    return write_galaxy
