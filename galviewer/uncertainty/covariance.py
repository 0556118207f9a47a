"""Covariance at the best fit: the inverse of the normal matrix over parameters not at a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.model import Model

if TYPE_CHECKING:
    from torch import Tensor

_SINGULAR = 1e-12
"""Eigenvalue of the scaled normal matrix (unit diagonal) below which a direction is undetermined."""


@dataclass(frozen=True)
class Covariance:
    """Errors of B fits.

    Parameters
    ----------
    matrix : Tensor, (B, F, F)
        Of the free parameters in the order of ``model.free``; nan in rows and columns without an error.
    errors : Tensor, (B, P)
        One standard deviation of every parameter, those of tied ones from the full matrix; nan where fixed
        or unknown.
    singular : Tensor of bool, (B,)
        Whether some direction is undetermined by the data.
    """

    matrix: Tensor
    errors: Tensor
    singular: Tensor


def covariance(model: Model, normal: Tensor, held: Tensor) -> Covariance:
    """Covariance from the normal matrix.

    Parameters
    ----------
    model : Model
        What was fitted.
    normal : Tensor, (B, F, F)
        Half the curvature of the cost at the best fit, ``J^T W J`` for chi-square, priors included; per unit
        of the free parameters.
    held : Tensor of bool, (B, F)
        Free parameters at a bound: they count as fixed there.

    Returns
    -------
    Covariance
        ``(J^T W J)^-1``; not scaled by chi2_nu, so it is right when sigma is right.
    """
    skip = held[:, :, None] | held[:, None, :]
    eye = torch.eye(normal.shape[-1], dtype=normal.dtype, device=normal.device)
    finite = torch.isfinite(normal).all(2).all(1)
    diagonal = normal.diagonal(dim1=1, dim2=2)
    known = (diagonal > 0) & ~held & finite[:, None]
    scale = torch.where(known, diagonal, 1.0).rsqrt()
    scaled = torch.where(
        skip | ~known[:, :, None] | ~known[:, None, :], eye, normal * scale[:, :, None] * scale[:, None, :]
    )
    values, vectors = torch.linalg.eigh(scaled)
    undetermined = values < _SINGULAR
    inverse = (vectors / torch.where(undetermined, 1.0, values)[:, None, :]) @ vectors.transpose(1, 2)
    # A parameter with a share in an undetermined direction has no error.
    lost = ((vectors**2 * undetermined[:, None, :]).sum(2) > 1e-6) | ~known
    matrix = inverse * scale[:, :, None] * scale[:, None, :]
    matrix = matrix.masked_fill(lost[:, :, None] | lost[:, None, :], torch.nan)
    singular = (lost & ~held).any(1)
    return Covariance(matrix, _all_errors(model, matrix), singular)


def full(model: Model, matrix: Tensor) -> Tensor:
    """Covariance of all P parameters from that of the free ones, sums of ties included.

    Parameters
    ----------
    model : Model
        What was fitted.
    matrix : Tensor, (B, F, F)
        Covariance of the free parameters; nan where a parameter has no error.

    Returns
    -------
    Tensor, (B, P, P)
        Zero for fixed parameters; nan for those that depend on a free one without an error.
    """
    expansion = torch.as_tensor(
        model.affine[0][:, list(model.free)], dtype=matrix.dtype, device=matrix.device
    )
    unknown = matrix.diagonal(dim1=1, dim2=2).isnan()
    wide = expansion @ matrix.masked_fill(unknown[:, :, None] | unknown[:, None, :], 0.0) @ expansion.T
    lost = ((expansion != 0)[None] & unknown[:, None, :]).any(2)
    return wide.masked_fill(lost[:, :, None] | lost[:, None, :], torch.nan)


def _all_errors(model: Model, matrix: Tensor) -> Tensor:
    """Errors of all P parameters: roots of the full covariance's diagonal, nan where nothing varies."""
    variance = full(model, matrix).diagonal(dim1=1, dim2=2)
    varies = torch.as_tensor(model.affine[0][:, list(model.free)] != 0, device=matrix.device).any(1)
    return torch.where(varies, variance.clamp_min(0.0).sqrt(), torch.nan)
