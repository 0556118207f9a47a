"""Which planes a model needs, and how free parameters are made of them.

A plane is rendered once per elliptical or point component (its image, which is also its derivative
in magnitude) and once per free parameter that changes an image's shape. Tied parameters add to the
plane of the parameter they follow. Sky planes need no rendering. Columns of the Jacobian are a
constant linear map of all these planes, so the fit works on the planes and maps small matrices only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from galviewer.conventions import MAG_PER_LN_FLUX
from galviewer.model import Model


@dataclass(frozen=True)
class PlanePart:
    """A derivative plane of one component, and where it is added."""

    parameter: str
    plane: int
    factor: float


@dataclass(frozen=True)
class RenderedComponent:
    """One component that is rendered: its parameters among P, its image plane, its derivative planes."""

    component: int
    start: int
    image_plane: int
    parts: tuple[PlanePart, ...]


@dataclass(frozen=True)
class SkyTerm:
    """One sky parameter: its index among P, its component, its plane after the rendered ones, its basis."""

    component: int
    parameter: int
    plane: int
    basis: str


@dataclass(frozen=True)
class Layout:
    """The planes of one model.

    Parameters
    ----------
    model : Model
        What is rendered.
    rendered : tuple of RenderedComponent
        Elliptical and point components.
    sky : tuple of SkyTerm
        Sky parameters.
    n_planes : int
        Rendered planes: images first, then shape derivatives.
    columns : tuple of tuple of (int, float)
        For each free parameter, the planes (rendered, then sky) and factors it is the sum of.
    """

    model: Model
    rendered: tuple[RenderedComponent, ...]
    sky: tuple[SkyTerm, ...]
    n_planes: int
    columns: tuple[tuple[tuple[int, float], ...], ...]


@lru_cache(maxsize=64)
def layout(model: Model) -> Layout:
    """The planes that `model` needs for its image and the derivatives in its free parameters."""
    position = {index: f for f, index in enumerate(model.free)}
    kinds = [component.declaration.kind for component in model.components]
    n_images = sum(kind != "sky" for kind in kinds)
    shape_plane: dict[int, int] = {}
    columns: list[list[tuple[int, float]]] = [[] for _ in model.free]
    rendered, sky_links = [], []
    start = image = 0
    for c, component in enumerate(model.components):
        parts = []
        for p, parameter in enumerate(component.parameters):
            terms, _ = model.tie_terms(model.columns[start + p])
            links = [(position[root], factor) for root, factor in terms if root in position and factor != 0.0]
            if kinds[c] == "sky":
                sky_links.append((c, start + p, parameter.name, links))
                continue
            for free, factor in links:
                if parameter.name == "mag":
                    columns[free].append((image, factor / MAG_PER_LN_FLUX))
                    continue
                plane = shape_plane.setdefault(free, n_images + len(shape_plane))
                parts.append(PlanePart(parameter.name, plane, factor))
        if kinds[c] != "sky":
            rendered.append(RenderedComponent(c, start, image, tuple(parts)))
            image += 1
        start += len(component.parameters)
    n_planes = n_images + len(shape_plane)
    for free, plane in shape_plane.items():
        columns[free].append((plane, 1.0))
    sky = []
    for k, (c, index, name, links) in enumerate(sky_links):
        sky.append(SkyTerm(c, index, n_planes + k, name))
        for free, factor in links:
            columns[free].append((n_planes + k, factor))
    return Layout(model, tuple(rendered), tuple(sky), n_planes, tuple(tuple(column) for column in columns))
