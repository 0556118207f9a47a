"""The table of neighbours: one row for each that was fitted together with a galaxy."""

from __future__ import annotations

import math
from typing import Any

from galviewer import conventions
from galviewer.products.columns import ColumnInfo, is_neighbour
from galviewer.products.fitted import GalaxyFit

_FITTED = (
    ("x", "pixel", "centre along +x, first pixel centre is 0"),
    ("y", "pixel", "centre along +y, first pixel centre is 0"),
    ("mag", "mag", "total magnitude, to infinite radius"),
    ("r_eff", "pixel", "half-light radius along the major axis; nan for a point source"),
    ("n", "", "Sersic index; nan for a point source"),
    ("q", "", "axis ratio, minor over major; nan for a point source"),
    ("pa", "deg", "position angle of the major axis, counter-clockwise from +y; nan for a point source"),
)

NEIGHBOUR_COLUMNS = (
    ColumnInfo("name", "", "galaxy, as in the catalogue", "text"),
    ColumnInfo("component", "", "neighbour1, neighbour2, ...: its component in the galaxy's block", "text"),
    ColumnInfo("profile", "", "sersic or point", "text"),
    *(
        column
        for name, unit, words in _FITTED
        for column in (
            ColumnInfo(name, unit, words),
            ColumnInfo(f"{name}_err", unit, f"one standard deviation of {name}; nan where there is none"),
        )
    ),
    ColumnInfo("distance", "pixel", "from the galaxy's centre"),
    ColumnInfo("flux_ratio", "", "its flux over the galaxy's"),
    ColumnInfo("ra", "deg", "right ascension; nan without WCS"),
    ColumnInfo("dec", "deg", "declination; nan without WCS"),
)
"""Columns of the table."""


def neighbour_rows(fit: GalaxyFit) -> list[dict[str, Any]]:
    """Values for `NEIGHBOUR_COLUMNS`, one row per neighbour.

    Parameters
    ----------
    fit : GalaxyFit
        A galaxy with or without neighbours.
    """
    model = fit.model
    own = [c for c in model.components if c.declaration.kind != "sky" and not is_neighbour(c.name)]
    if not own:
        return []
    centre = fit.component(own[0].name)
    total = sum(float(conventions.mag_to_flux(fit.value(f"{c.name}_mag"), fit.galaxy.zeropoint)) for c in own)
    rows = []
    for component in model.components:
        if not is_neighbour(component.name):
            continue
        row: dict[str, Any] = {"name": fit.name, "component": component.name, "profile": component.profile}
        part = model.component_slices[component.name]
        for parameter, value, error in zip(
            component.parameters, fit.parameters[part], fit.errors[part], strict=True
        ):
            row |= {parameter.name: float(value), f"{parameter.name}_err": float(error)}
        row["distance"] = math.hypot(row["x"] - centre["x"], row["y"] - centre["y"])
        flux = float(conventions.mag_to_flux(row["mag"], fit.galaxy.zeropoint))
        row["flux_ratio"] = flux / total if total > 0 else math.nan
        if fit.galaxy.wcs is not None and math.isfinite(row["x"] + row["y"]):
            ra, dec = fit.galaxy.wcs.all_pix2world(row["x"], row["y"], 0)
            row |= {"ra": float(ra), "dec": float(dec)}
        rows.append({info.name: row.get(info.name, math.nan) for info in NEIGHBOUR_COLUMNS})
    return rows
