"""The models among which ``--model auto`` chooses, and start values of each from the fit below it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from galviewer import guess
from galviewer.errors import ModelError
from galviewer.model import Component, Model, template
from galviewer.products import GalaxyFit
from galviewer.products.catalogue import is_neighbour

LADDERS = {"auto": (False, True), "auto+sky": (True,), "auto-sky": (False,)}
"""Names that stand for a choice, and whether its models are without a sky, with one, or both are tried."""

SINGLE, POINT, DISK, BAR = "sersic", "sersic+point", "bulge+disk", "bulge+bar+disk"
"""The rungs, lowest first."""


def is_ladder(name: object) -> bool:
    """Whether a model's name asks for a choice of the model."""
    return isinstance(name, str) and name in LADDERS


def rungs(name: str) -> tuple[Model, ...]:
    """Every model that a ladder knows, simplest first.

    Raises
    ------
    ModelError
        If there is no such ladder.
    """
    if name not in LADDERS:
        raise ModelError(f"ladder {name!r}", "not known", "one of " + ", ".join(LADDERS))
    return tuple(rung(step, sky) for step in (SINGLE, POINT, DISK, BAR) for sky in LADDERS[name])


def lowest_rung(name: str) -> Model:
    """The model with which a ladder begins."""
    return rungs(name)[0]


def rung(step: str, sky: bool, neighbours: tuple[Component, ...] = ()) -> Model:
    """A rung's model, with a sky and neighbours where there are any."""
    model = template(f"{step}+sky" if sky else step)
    return replace(model, components=(*model.components, *neighbours))


def begin(model: Model, galaxy, below: GalaxyFit) -> list[np.ndarray]:
    """Start values (P,) of a rung, several to be tried: measured on the pixels, and derived from a lower fit.

    Parameters
    ----------
    model : Model
        The rung.
    galaxy : Galaxy
        The galaxy.
    below : GalaxyFit
        A usable fit of the rung below.
    """
    bare = replace(model, components=tuple(c for c in model.components if not is_neighbour(c.name)))
    known = dict(zip(below.model.columns, below.parameters, strict=True))
    if _parts(model) == _parts(below.model):
        return [_vector(model, {"sky_level": 0.0} | known)]
    measured = dict(zip(bare.columns, guess.starts(galaxy, bare)[0], strict=True))
    names = {component.name for component in model.components}
    if "bar" in names:
        found = _bars(below)
    elif "disk" in names:
        found = _disks(below.component("sersic"))
    elif "point" in names:
        found = [_point(below.component("sersic"))]
    else:
        found = []
    return [_vector(model, known | values) for values in [measured, *found]]


def _parts(model: Model) -> set[str]:
    """Names of the components that are no sky."""
    return {component.name for component in model.components if component.declaration.kind != "sky"}


def relabelled(fit: GalaxyFit) -> np.ndarray | None:
    """Start values in which bulge and bar, or bulge and disk, have changed places; None if they are right."""
    names = {component.name for component in fit.model.components}
    other = "bar" if "bar" in names else "disk"
    if not fit.usable or not {"bulge", other} <= names:
        return None
    bulge, second = fit.component("bulge"), fit.component(other)
    if bulge["r_eff"] <= second["r_eff"]:
        return None
    known = dict(zip(fit.model.columns, fit.parameters, strict=True))
    return _vector(fit.model, known | _part("bulge", second, 1.0) | _part(other, bulge, 1.0))


def _vector(model: Model, values: dict[str, float]) -> np.ndarray:
    """Values by column as the model's vector: inside the bounds, defaults where unknown, ties fulfilled."""
    vector = np.zeros(len(model.columns))
    declared = [p for c in model.components for p in c.declaration.parameters]
    for k, (column, parameter) in enumerate(zip(model.columns, model.parameters, strict=True)):
        value = values.get(column, math.nan)
        if parameter.fixed or not math.isfinite(value):
            value = parameter.start if parameter.start is not None else declared[k].default
        span = parameter.upper - parameter.lower
        margin = 0.01 * span if math.isfinite(span) and not parameter.fixed else 0.0
        margin = min(margin, 0.2 * abs(parameter.lower)) if parameter.lower > 0 else margin
        vector[k] = min(max(value, parameter.lower + margin), parameter.upper - margin)
    matrix, offset = model.affine
    return matrix @ vector + offset


def _part(component: str, whole: dict[str, float], share: float, **changes: float) -> dict[str, float]:
    """A component with a share of another's light, changed where told, by column."""
    values = whole | {"mag": whole["mag"] - 2.5 * math.log10(share)} | changes
    return {f"{component}_{name}": value for name, value in values.items()}


def _point(galaxy: dict[str, float]) -> dict[str, float]:
    """A tenth of the light in a point, and what is left with a flatter core."""
    changed = _part("sersic", galaxy, 0.9, n=max(0.5, 0.6 * galaxy["n"]), r_eff=1.1 * galaxy["r_eff"])
    return changed | _part("point", galaxy, 0.1)


def _disks(galaxy: dict[str, float]) -> list[dict[str, float]]:
    """A large and a small bulge in a disk that takes the rest."""
    size, rounder = galaxy["r_eff"], 0.5 * (1.0 + galaxy["q"])
    large = _part("bulge", galaxy, 0.4, r_eff=0.35 * size, n=2.0, q=rounder)
    small = _part("bulge", galaxy, 0.1, r_eff=0.15 * size, n=1.0, q=rounder)
    return [
        large | _part("disk", galaxy, 0.6, r_eff=1.3 * size),
        small | _part("disk", galaxy, 0.9, r_eff=size),
    ]


def _bars(below: GalaxyFit) -> list[dict[str, float]]:
    """The bulge taken for the bar with a rounder, smaller one inside; or a bar between bulge and disk."""
    bulge, disk = below.component("bulge"), below.component("disk")
    between = math.sqrt(bulge["r_eff"] * disk["r_eff"])
    rounder = 0.5 * (1.0 + max(bulge["q"], disk["q"]))
    taken = _part("bulge", bulge, 0.4, r_eff=0.35 * bulge["r_eff"], n=1.5, q=rounder)
    taken |= _part("bar", bulge, 0.6, n=0.7, q=min(bulge["q"], 0.6)) | _part("disk", disk, 1.0)
    added = _part("bulge", bulge, 0.8, q=rounder) | _part("disk", disk, 0.9)
    added |= _part("bar", disk, 0.1, r_eff=between, n=0.6, q=0.35, pa=bulge["pa"])
    return [taken, added]
