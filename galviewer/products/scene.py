"""What the present parameter values look like: images, chi2, and the numbers of the radial profile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from galviewer import profiles
from galviewer.products.annuli import Annuli, Geometry

if TYPE_CHECKING:
    from galviewer.model import Component, Model
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
    leader = brightest(model, values)
    shape = ellipse(model, values, leader) if leader else None
    if shape is None or not all(np.isfinite(list(shape.values()))):
        height, width = galaxy.image.shape
        return Geometry((width - 1) / 2, (height - 1) / 2)
    return Geometry(shape["x"], shape["y"], max(shape["q"], 0.05), shape["pa"])


def brightest(model: Model, values: np.ndarray) -> str | None:
    """Name of the brightest component with a magnitude, elliptical ones first; None if there is none."""
    best: tuple[bool, float, str] | None = None
    for component in model.components:
        names = [p.name for p in component.parameters]
        if "mag" not in names:
            continue
        mag = float(values[model.component_slices[component.name]][names.index("mag")])
        key = ("q" not in names, mag if math.isfinite(mag) else math.inf, component.name)
        best = key if best is None or key < best else best
    return best[2] if best else None


def ellipse(model: Model, values: np.ndarray, name: str) -> dict[str, float] | None:
    """Centre, size (pixel along the major axis), q, pa and boxiness of a component; None for a sky.

    The size is the half-light radius where the profile has one, half the fwhm otherwise, and 0 for a point. A
    planar profile has its length for size, and for q its height over it.
    """
    component = model.component(name)
    own = dict(zip((p.name for p in component.parameters), values[model.component_slices[name]], strict=True))
    if "x" not in own:
        return None
    declaration = profiles.get(component.profile)
    size = own.get("r_eff", own.get("fwhm", own.get(declaration.size, 0.0) * 2) / 2)
    found = {"x": own["x"], "y": own["y"], "size": size}
    found |= {
        "q": own.get("q", _flatness(component, own)),
        "pa": own.get("pa", 0.0),
        "boxiness": own.get("boxiness", 0.0),
    }
    return {key: float(value) for key, value in found.items()}


def _flatness(component: Component, own: dict[str, float]) -> float:
    """Height over length of a planar profile, or the cosine of its inclination; 1 for all others."""
    if component.declaration.kind != "planar":
        return 1.0
    lengths = [own[p.name] for p in component.declaration.shape if p.unit == "pixel"]
    size = own[component.declaration.size]
    others = [length for length in lengths if length != size]
    thickness = min(others[0] / size, 1.0) if others and size > 0 else 1.0
    inclination = own.get("inclination")
    return thickness if inclination is None else max(thickness, math.cos(math.radians(inclination)))
