"""Fixtures and rules for every test: one thread, fixed seeds, a place for data that may be absent."""

from __future__ import annotations

import os
from pathlib import Path

# Before numpy or torch load: the suite may run in several processes on few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample_folder() -> Path:
    """Return the folder of sample galaxies."""
    return ROOT / "sample_data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Return real and simulated data kept beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("GALVIEWER_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip("no shared data beside this checkout (set GALVIEWER_SHARED_DATA)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator of fixed seed."""
    return np.random.default_rng(20261120)


@pytest.fixture(autouse=True)
def _torch_state_is_kept():
    """Fail a test that leaves torch's global dtype changed; torch is looked at only if already loaded."""
    yield
    import sys

    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_default_dtype"):
        assert torch.get_default_dtype() is torch.float32, "a test changed torch's default dtype"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip `gpu` tests without a device."""
    if not any(item.get_closest_marker("gpu") for item in items):
        return
    import torch

    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium to drive; without one browser tests fail under CI and skip elsewhere."""
    import shutil

    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    found = os.environ.get("GALVIEWER_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        return found
    message = "no Chromium found; install one or set GALVIEWER_CHROMIUM"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)
