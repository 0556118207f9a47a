"""A fit in words and digits: a table for the terminal, one for notebooks."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple

from galviewer import flags

if TYPE_CHECKING:
    from galviewer.model import Parameter
    from galviewer.products.fitted import GalaxyFit


class Line(NamedTuple):
    """One parameter.

    Parameters
    ----------
    component, profile, name, value, unit, note : str
        As shown; `component` and `profile` are empty but in the first line of a component.
    """

    component: str
    profile: str
    name: str
    value: str
    unit: str
    note: str


def measured(value: float, error: float = math.nan) -> str:
    """``17.371 ± 0.004``: two digits of the error, and as many of the value.

    Parameters
    ----------
    value, error : float
        Without a positive error the value alone, to five digits.
    """
    if not math.isfinite(value):
        return "unknown"
    if not (math.isfinite(error) and error > 0):
        return f"{value:.5g}"
    digits = min(max(1 - math.floor(math.log10(error)), 0), 9)
    if float(f"{error:.{digits}f}") >= 10.0 ** (2 - digits) and digits > 0:  # 0.0996 is 0.10
        digits -= 1
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def lines(fit: GalaxyFit) -> list[Line]:
    """Every parameter of a fit; a boxiness held at 0 is left out."""
    found = []
    for component in fit.model.components:
        first = True
        for parameter in component.parameters:
            column = f"{component.name}_{parameter.name}"
            value, error = fit.value(column), fit.error(column)
            if parameter.name == "boxiness" and parameter.fixed and value == 0:
                continue
            names = (component.name, _kind(component.profile, component.modifiers)) if first else ("", "")
            found.append(
                Line(
                    *names,
                    parameter.name,
                    measured(value, error),
                    parameter.unit,
                    _note(fit, parameter, value, error),
                )
            )
            first = False
    return found


def heading(fit: GalaxyFit) -> str:
    """Name, model, quality and outcome in one line."""
    quality = f"χ²/ν = {fit.chi2_nu:.4g}, {fit.n_pixels} pixels, {fit.n_free} free"
    outcome = ", ".join(fit.flag_names) or "clean"
    return f"{fit.name}: {fit.model.name or 'model'}, {quality}, {outcome}"


def text(fit: GalaxyFit) -> str:
    """The table for a terminal."""
    rows = lines(fit)
    widths = [max(len(row[k]) for row in rows) for k in range(5)]
    body = []
    for row in rows:
        label = f"{row.component:<{widths[0]}}  {row.profile:<{widths[1]}}  {row.name:<{widths[2]}}"
        body.append(f"  {label}  {row.value:>{widths[3]}}  {row.unit:<{widths[4]}}  {row.note}".rstrip())
    ending = [f"  {sentence}" for sentence in _sentences(fit)]
    return "\n".join([heading(fit), *body, *ending])


def page(fit: GalaxyFit) -> str:
    """The table for a notebook, HTML that takes the notebook's own colours."""
    cells = []
    for row in lines(fit):
        columns = "".join(
            f'<td style="text-align:{"right" if k == 3 else "left"}">{html.escape(cell)}</td>'
            for k, cell in enumerate(row)
        )
        cells.append(f"<tr>{columns}</tr>")
    titles = "".join(
        f'<th style="text-align:left">{t}</th>'
        for t in ("component", "profile", "parameter", "value", "unit", "")
    )
    ending = "".join(f"<div>{html.escape(sentence)}</div>" for sentence in _sentences(fit))
    return (
        f"<div><b>{html.escape(heading(fit))}</b></div>"
        f"<table><thead><tr>{titles}</tr></thead><tbody>{''.join(cells)}</tbody></table>{ending}"
    )


def _kind(profile: str, modifiers: tuple[str, ...]) -> str:
    return " + ".join((profile, *modifiers))


def _note(fit: GalaxyFit, parameter: Parameter, value: float, error: float) -> str:
    """Why there is no error, or the length on the sky."""
    if parameter.fixed:
        return "fixed"
    if parameter.tied is not None:
        tie = parameter.tied
        plain = tie.factor == 1.0 and tie.offset == 0.0 and not tie.plus
        return f"= {tie.to}" if plain else "tied to " + ", ".join(to for to, _ in tie.terms)
    if math.isfinite(value) and value in (parameter.lower, parameter.upper):
        return "at its bound"
    scale = fit.galaxy.pixel_scale
    if scale and parameter.unit == "pixel" and parameter.name not in ("x", "y"):
        return f"= {measured(value * scale, error * scale)} arcsec"
    return ""


def _sentences(fit: GalaxyFit) -> list[str]:
    """What the flags say, then what was repaired."""
    said = [flags.describe(fit.flags)] if fit.flags else []
    return [*said, *([fit.message] if fit.message else [])]
