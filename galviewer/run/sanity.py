"""Whether a decomposition makes physical sense, in words where it does not."""

from __future__ import annotations

import itertools
import math

from galviewer.guess.library import psf_size
from galviewer.products import GalaxyFit
from galviewer.products.catalogue import is_neighbour

LEAST_SHARE = 0.01
"""Share of the light below which a component is none."""

LEAST_POINT = 0.001
"""The same for a point source: nuclei and star clusters are faint, and seen well."""

LEAST_SIZE = 0.25
"""Half-light radius over the PSF's below which a component is a point."""

LEAST_RATIO = 1.2
"""Half-light radii of bulge, bar and disk that differ by less are one component."""

BAR_Q = 0.75
"""Axis ratio above which nothing is a bar."""


def objections(fit: GalaxyFit) -> list[str]:
    """What is wrong with the components of a fit; empty if nothing.

    Parameters
    ----------
    fit : GalaxyFit
        A fit of a rung of the ladder.
    """
    if not fit.usable:
        return ["the fit failed"]
    parts = {
        c.name: fit.component(c.name)
        for c in fit.model.components
        if c.declaration.kind != "sky" and not is_neighbour(c.name)
    }
    if len(parts) < 2:
        return []
    return [*_places(fit, parts), *_shares(parts), *_sizes(fit, parts), *_bounds(fit), *_order(parts)]


def _places(fit: GalaxyFit, parts: dict[str, dict[str, float]]) -> list[str]:
    height, width = fit.galaxy.shape
    inside = {n: -0.5 <= p["x"] <= width - 0.5 and -0.5 <= p["y"] <= height - 0.5 for n, p in parts.items()}
    return [f"the {name} lies outside of the image" for name, good in inside.items() if not good]


def _shares(parts: dict[str, dict[str, float]]) -> list[str]:
    fluxes = {name: 10.0 ** (-0.4 * part["mag"]) for name, part in parts.items()}
    shares = {name: flux / sum(fluxes.values()) for name, flux in fluxes.items()}
    least = {name: LEAST_SHARE if "r_eff" in part else LEAST_POINT for name, part in parts.items()}
    return [f"the {n} holds {100 * s:.2g} % of the light" for n, s in shares.items() if not s >= least[n]]


def _sizes(fit: GalaxyFit, parts: dict[str, dict[str, float]]) -> list[str]:
    least = LEAST_SIZE * psf_size(fit.galaxy.psf, fit.galaxy.psf_oversample).r50
    most = math.hypot(*fit.galaxy.shape)
    found = []
    for name, part in parts.items():
        size = part.get("r_eff", math.nan)
        if size < least:
            found.append(f"the {name} is a point (r_eff {size:.2g} pixels)")
        elif size > most:
            found.append(f"the {name} is larger than the image (r_eff {size:.3g} pixels)")
    return found


def _bounds(fit: GalaxyFit) -> list[str]:
    """Parameters at a bound, but for a round component's axis ratio."""
    found = []
    for index in fit.model.free:
        parameter, column = fit.model.parameters[index], fit.model.columns[index]
        if is_neighbour(column.partition("_")[0]) or (parameter.name == "q" and fit.parameters[index] > 0.9):
            continue
        value = float(fit.parameters[index])
        near = 1e-6 * max(abs(value), 1e-3)
        if not parameter.lower + near < value < parameter.upper - near:
            found.append(f"{column} is at its bound {value:.3g}")
    return found


def _order(parts: dict[str, dict[str, float]]) -> list[str]:
    """Bulge inside bar inside disk, by half-light radius; a bar that is long."""
    names = [name for name in ("bulge", "bar", "disk") if name in parts]
    found = []
    for inner, outer in itertools.pairwise(names):
        small, large = parts[inner]["r_eff"], parts[outer]["r_eff"]
        if not small < large:
            found.append(f"the {inner} is larger than the {outer} ({small:.3g} and {large:.3g} pixels)")
        elif small * LEAST_RATIO > large:
            found.append(f"{inner} and {outer} are of one size ({small:.3g} and {large:.3g} pixels)")
    if "bar" in parts:
        bulge, bar = parts["bulge"]["q"], parts["bar"]["q"]
        if bar > BAR_Q:
            found.append(f"the bar is round (q {bar:.2f})")
        elif bar > bulge:
            found.append(f"the bulge is longer than the bar (q {bulge:.2f} and {bar:.2f})")
    return found
