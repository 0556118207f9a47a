"""Folders of small galaxies, written on the fly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits


class Folder:
    """Writes planes of one synthetic galaxy as files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        rng = np.random.default_rng(1)
        y, x = np.mgrid[:40, :48]
        self.image = 50.0 * np.exp(-0.5 * ((x - 23.5) ** 2 + (y - 19.5) ** 2) / 4.0**2) + rng.normal(
            0, 0.5, x.shape
        )
        self.sigma = np.full(x.shape, 0.5)
        self.mask = np.zeros(x.shape, dtype=np.uint8)
        ky, kx = np.mgrid[-7:8, -7:8]
        self.psf = np.exp(-0.5 * (kx**2 + ky**2) / 1.5**2)
        self.psf /= self.psf.sum()

    def write(self, file: str, data: np.ndarray | None, **cards: object) -> Path:
        """One single-image file."""
        target = self.path / file
        target.parent.mkdir(parents=True, exist_ok=True)
        header = fits.Header(cards.items())
        if file.endswith(".fz"):
            hdus = [fits.PrimaryHDU(), fits.CompImageHDU(data, header, compression_type="RICE_1")]
            fits.HDUList(hdus).writeto(target)
        else:
            fits.PrimaryHDU(data, header).writeto(target)
        return target

    def galaxy(self, name: str, suffix: str = ".fits", **planes: np.ndarray | None) -> None:
        """A complete galaxy; planes given as None are left out."""
        for role in ("image", "sigma", "mask", "psf"):
            data = planes.get(role, getattr(self, role))
            if data is not None:
                self.write(f"{name}_{role}{suffix}", data, **({"MAGZP": 22.5} if role == "image" else {}))

    def multi(self, file: str, planes: dict[str, np.ndarray], primary: np.ndarray | None = None) -> Path:
        """One file with an extension per plane."""
        hdus = [fits.PrimaryHDU(primary), *(fits.ImageHDU(data, name=name) for name, data in planes.items())]
        fits.HDUList(hdus).writeto(self.path / file)
        return self.path / file


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder with a writer."""
    return Folder(tmp_path)
