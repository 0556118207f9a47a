"""What the present parameter values look like: images, chi2, and the numbers of the radial profile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from galviewer.explorer import edits
from galviewer.explorer.annuli import Annuli, Geometry

if TYPE_CHECKING:
    from galviewer.model import Model
    from galviewer.survey import Galaxy


@dataclass(frozen=True, eq=False)
class Fixtures:
    """What does not change while sliders move: one per galaxy.

    Parameters
    ----------
    image, inverse_sigma : ndarray, (H, W) float32
        Data, and 1/sigma with zeros where masked.
    unmasked : ndarray, (H, W), bool
        The opposite of the mask.
    used : int
        Unmasked pixels.
    """

    galaxy: Galaxy
    image: np.ndarray
    inverse_sigma: np.ndarray
    unmasked: np.ndarray
    used: int

    @classmethod
    def of(cls, galaxy: Galaxy) -> Fixtures:
        """Measure them."""
        inverse = np.where(galaxy.mask, 0.0, 1.0 / galaxy.sigma).astype(np.float32)
        image = np.where(np.isfinite(galaxy.image), galaxy.image, 0.0).astype(np.float32)
        return cls(galaxy, image, inverse, ~galaxy.mask, int((~galaxy.mask).sum()))


@dataclass(frozen=True, eq=False)
class Scene:
    """One rendered set of parameter values.

    Parameters
    ----------
    images : ndarray, (C, H, W) float32
        Components, convolved, image unit.
    total : ndarray, (H, W) float32
        Their sum.
    pull : ndarray, (H, W) float32
        (data - model)/sigma, 0 where masked.
    chi2 : float
        Over the unmasked pixels.
    chi2_nu : float
        Per degree of freedom.
    annuli : Annuli
        Along the brightest component; shared with the scene before where its geometry is the same.
    data_mean, data_error : ndarray, (A,)
        Data in the annuli, with the error of the mean.
    """

    fixtures: Fixtures
    model: Model
    values: np.ndarray
    images: np.ndarray
    total: np.ndarray
    pull: np.ndarray
    chi2: float
    chi2_nu: float
    annuli: Annuli
    data_mean: np.ndarray
    data_error: np.ndarray

    @property
    def galaxy(self) -> Galaxy:
        """The galaxy shown."""
        return self.fixtures.galaxy

    @classmethod
    def of(
        cls, galaxy: Galaxy, model: Model, values: np.ndarray, images: np.ndarray, before: Scene | None = None
    ) -> Scene:
        """Everything derived from a render; `before` lends what did not change.

        Parameters
        ----------
        images : ndarray, (C, H, W)
            Rendered components.
        """
        same = before is not None and before.galaxy is galaxy
        fixtures = before.fixtures if before is not None and same else Fixtures.of(galaxy)
        total = images.sum(0, dtype=np.float32)
        pull = (fixtures.image - total) * fixtures.inverse_sigma
        flat = pull.ravel()
        chi2 = float(np.dot(flat, flat)) if np.isfinite(total).all() else float("nan")
        freedom = max(fixtures.used - len(model.free), 1)
        geometry = reference_geometry(model, values, galaxy)
        if before is not None and same and before.annuli.geometry == geometry:
            annuli, mean, error = before.annuli, before.data_mean, before.data_error
        else:
            annuli = Annuli(geometry, galaxy.mask)
            mean, error = annuli.mean(fixtures.image), annuli.mean_error(galaxy.sigma)
        return cls(fixtures, model, values, images, total, pull, chi2, chi2 / freedom, annuli, mean, error)


def reference_geometry(model: Model, values: np.ndarray, galaxy: Galaxy) -> Geometry:
    """The ellipse of the annuli: that of the brightest component, or a circle about the centre."""
    leader = edits.brightest(model, values)
    shape = edits.ellipse(model, values, leader) if leader else None
    if shape is None or not all(np.isfinite(list(shape.values()))):
        height, width = galaxy.image.shape
        return Geometry((width - 1) / 2, (height - 1) / 2)
    return Geometry(shape["x"], shape["y"], max(shape["q"], 0.05), shape["pa"])
