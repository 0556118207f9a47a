"""Galaxies of one shape stacked into tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.errors import SettingsError
from galviewer.survey.galaxy import Galaxy

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Tensors of B galaxies of one shape.

    Parameters
    ----------
    names : tuple of str
        B names.
    image, sigma : Tensor, (B, H, W)
        Pixels and noise, image units.
    mask : Tensor of bool, (B, H, W)
        True = ignored.
    psf : Tensor, (B, Ky, Kx), optional
        Sum 1 each.
    psf_oversample : int
        PSF samples per image pixel.
    zeropoint : Tensor, (B,)
        Magnitude of one image unit, float64.
    """

    names: tuple[str, ...]
    image: Tensor
    sigma: Tensor
    mask: Tensor
    psf: Tensor | None
    psf_oversample: int
    zeropoint: Tensor

    def __len__(self) -> int:
        return len(self.names)


def shape_key(galaxy: Galaxy) -> tuple[Any, ...]:
    """What galaxies of one batch have in common: image shape, PSF shape, oversampling."""
    return galaxy.shape, None if galaxy.psf is None else galaxy.psf.shape, galaxy.psf_oversample


def group(items: Iterable[Galaxy | Hashable], batch_size: int) -> list[list[int]]:
    """Indices of galaxies of equal shape, in batches.

    Parameters
    ----------
    items : iterable of Galaxy or hashable
        Galaxies, or anything that stands for their shape.
    batch_size : int
        Most galaxies per batch.

    Returns
    -------
    list of list of int
        Every index once; the order within a shape is kept, shapes come in order of first occurrence.
    """
    if batch_size < 1:
        raise SettingsError("batch_size", f"is {batch_size}", "1 or more")
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[shape_key(item) if isinstance(item, Galaxy) else item].append(index)
    return [
        members[start : start + batch_size]
        for members in groups.values()
        for start in range(0, len(members), batch_size)
    ]


def collate(
    galaxies: Sequence[Galaxy], dtype: str | torch.dtype = "float32", device: str | torch.device = "cpu"
) -> Batch:
    """Stack galaxies of one shape.

    Parameters
    ----------
    galaxies : sequence of Galaxy
        Same image shape, PSF shape and oversampling (see `group`).
    dtype : {"float32", "float64"} or torch.dtype
        Of image, sigma and PSF.
    device : str or torch.device
        Where the tensors go.

    Raises
    ------
    SettingsError
        No galaxies, or shapes that differ.
    """
    import torch

    keys = {shape_key(galaxy) for galaxy in galaxies}
    if len(keys) != 1:
        raise SettingsError(
            "batch", f"holds {len(keys)} different shapes", "galaxies of one shape", "use group first"
        )
    kind = getattr(torch, dtype) if isinstance(dtype, str) else dtype

    def stack(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.stack(arrays)).to(device=device, dtype=kind)

    psfs = [galaxy.psf for galaxy in galaxies if galaxy.psf is not None]
    return Batch(
        names=tuple(galaxy.name for galaxy in galaxies),
        image=stack([galaxy.image for galaxy in galaxies]),
        sigma=stack([galaxy.sigma for galaxy in galaxies]),
        mask=torch.from_numpy(np.stack([galaxy.mask for galaxy in galaxies])).to(device),
        psf=stack(psfs) if psfs else None,
        psf_oversample=galaxies[0].psf_oversample,
        zeropoint=torch.tensor([galaxy.zeropoint for galaxy in galaxies], dtype=torch.float64, device=device),
    )
