"""Setups and models to GALFIT's input and constraint files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Parameter
from galviewer.model.galfit.objects import (
    HIDDEN,
    SPIRAL,
    WRITTEN,
    GalfitType,
    brightness_offset,
    constraint_names,
)
from galviewer.model.galfit.setup import GalfitSetup

_RULE = "=" * 80
_CUTS = {"inner_truncation": ("Ti", "r_in"), "outer_truncation": ("To", "r_out")}


def write_galfit(
    source: GalfitSetup | Model, path: str | Path, values: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Write a GALFIT input file, and a constraint file beside it where one is needed.

    Parameters
    ----------
    source : GalfitSetup or Model
        What to write; of a model alone, the control parameters are those of an empty setup.
    path : path
        The input file. The constraint file gets the name that the setup gives it, or ``.constraints``.
    values : mapping, optional
        Start values by column; those of the model where missing.

    Returns
    -------
    tuple of str
        What the model says and GALFIT's files cannot; they also stand in the file as comments.

    Raises
    ------
    ModelError
        If a component has no counterpart in GALFIT, a start value is missing, or the file cannot be written.
    """
    setup = source if isinstance(source, GalfitSetup) else GalfitSetup(source)
    file = Path(path)
    constraints, unsaid = to_constraints(setup, values)
    if constraints:
        name = Path(setup.constraints).name if setup.constraints else f"{file.stem}.constraints"
        setup = dataclasses.replace(setup, constraints=setup.constraints or name)
    try:
        if constraints:
            (file.parent / Path(setup.constraints).name).write_text(constraints, encoding="utf-8")
        file.write_text(to_galfit(setup, values), encoding="utf-8")
    except OSError as error:
        raise ModelError(str(file), f"cannot be written ({error})", "a place for the file") from error
    return unsaid


def to_galfit(setup: GalfitSetup, values: Mapping[str, float] | None = None) -> str:
    """The text of a GALFIT input file.

    Raises
    ------
    ModelError
        If a component has no counterpart in GALFIT, or a start value is missing.
    """
    at = start_values(setup.model, dict.fromkeys(_kept(setup), 0.0) | dict(values or {}))
    unsaid = to_constraints(setup, values)[1]
    parts = [_control(setup), *(f"# not said here: {what}" for what in unsaid), ""]
    number = len(setup.model.components)
    cuts: list[str] = []
    for index, component in enumerate(setup.model.components, start=1):
        lines = [f"# Component number: {index} ({component.name})", *_object(setup, component, at)]
        for modifier in component.modifiers:
            if modifier in _CUTS:
                number += 1
                key, parameter = _CUTS[modifier]
                lines.append(f"{key}) {number}")
                cuts += _truncation(component, parameter, at, number)
        own = f"object {component.name}"
        lines += [leftover.text for leftover in setup.leftovers if leftover.place == own]
        parts += [*lines, f" Z) {int(component.name in setup.hidden)}", ""]
    parts += cuts
    for leftover in setup.leftovers:
        if leftover.place == "object":
            number += 1
            parts += [f"# Component number: {number}", leftover.text, ""]
    return "\n".join([*parts, _RULE, ""])


def to_constraints(
    setup: GalfitSetup, values: Mapping[str, float] | None = None
) -> tuple[str, tuple[str, ...]]:
    """The text of the constraint file, empty where none is needed, and what neither file can say."""
    model = setup.model
    lines: list[str] = []
    unsaid: list[str] = []
    names = {c.name: k for k, c in enumerate(model.components, start=1)}
    for component in model.components:
        declared = {p.name: Parameter.declared(p) for p in component.declaration.parameters}
        for parameter in component.parameters:
            whose = f"{component.name}.{parameter.name}"
            if parameter.prior is not None:
                unsaid.append(f"the {parameter.prior.kind} prior of {whose}")
            if parameter.tied is not None:
                line = _tie_line(model, component, parameter, names)
            elif _limited(parameter, declared[parameter.name]):
                line = _limit_line(setup, component, parameter, names)
            else:
                continue
            if line is None:
                unsaid.append(f"the {'tie' if parameter.tied else 'limits'} of {whose}")
            else:
                lines.append(line)
    for order in model.orders:
        line = _order_line(model, order.smaller, order.larger, order.factor, names)
        if line is None:
            unsaid.append(f"the order {order.smaller} < {order.factor:g} * {order.larger}")
        else:
            lines.append(line)
    lines += [leftover.text for leftover in setup.leftovers if leftover.place == "constraints"]
    text = "# Component  parameter  constraint\n" + "\n".join(lines) + "\n" if lines else ""
    return text, tuple(unsaid)


def start_values(model: Model, given: Mapping[str, float], program: str = "GALFIT") -> dict[str, float]:
    """Start values by column, ties filled in.

    Raises
    ------
    ModelError
        If neither the model nor `given` has one.
    """
    starts = np.zeros(len(model.columns))
    for index, (column, parameter) in enumerate(zip(model.columns, model.parameters, strict=True)):
        value = given.get(column, parameter.start)
        if value is None and parameter.tied is None:
            raise ModelError(
                column, "has no start value", f"a number, which {program} needs",
                "give it in the model, or in values=",
            )  # fmt: skip
        starts[index] = 0.0 if value is None else value
    matrix, offset = model.affine
    return dict(zip(model.columns, (matrix @ starts + offset).tolist(), strict=True))


def _text(value: float) -> str:
    """Ten digits, as short as they allow."""
    return f"{value:.10g}"


def _control(setup: GalfitSetup) -> str:
    region = setup.region
    box = setup.convolution_box
    image = setup.image + (f"[{setup.image_hdu}]" if setup.image_hdu else "")
    rows = [
        ("A", image or "none", "Input data image (FITS file)"),
        ("B", setup.output or "none", "Output data image block"),
        ("C", setup.sigma or "none", "Sigma image name"),
        ("D", setup.psf or "none", "Input PSF image"),
        ("E", str(setup.psf_oversample), "PSF fine sampling factor relative to data"),
        ("F", setup.mask or "none", "Bad pixel mask"),
        ("G", setup.constraints or "none", "File with parameter constraints"),
        ("H", " ".join(map(str, region)) if region else "", "Image region to fit (xmin xmax ymin ymax)"),
        ("I", f"{box[0]} {box[1]}" if box else "", "Size of the convolution box (x y)"),
        ("J", _text(setup.zeropoint), "Magnitude photometric zeropoint"),
        ("K", " ".join(map(_text, setup.plate_scale)), "Plate scale (dx dy) [arcsec per pixel]"),
        ("O", setup.display, "Display type (regular, curses, both)"),
        ("P", str(setup.mode), "0 = optimize, 1 = model, 2 = imgblock, 3 = subcomps"),
    ]
    more = {leftover.place: f" {leftover.text}" for leftover in setup.leftovers}
    lines = [f"{key}) {value + more.get(key, ''):<20} # {meaning}" for key, value, meaning in rows if value]
    lines += [leftover.text for leftover in setup.leftovers if leftover.place == "control"]
    return "\n".join([_RULE, "# IMAGE and GALFIT CONTROL PARAMETERS", *lines])


def _kind(component: Component) -> GalfitType:
    kind = WRITTEN.get(component.profile)
    if kind is None:
        raise ModelError(
            f"component {component.name!r}", f"has profile {component.profile!r}, which GALFIT lacks",
            "one of " + ", ".join(WRITTEN),
        )  # fmt: skip
    return kind


def _object(setup: GalfitSetup, component: Component, at: Mapping[str, float]) -> list[str]:
    """The lines of one object."""
    kind = _kind(component)
    own = {p.name: at[f"{component.name}_{p.name}"] for p in component.parameters}
    free = {p.name: int(not p.fixed) for p in component.parameters}
    lines = [f" 0) {kind.name}"]
    if kind.name == "sky":
        for number, name in kind.parameters.items():
            lines.append(f" {number}) {_text(own.get(name, 0.0))} {free.get(name, 0)}")
        return lines
    kept = _kept(setup).get(f"{component.name}_mag")
    if kept is not None and component.parameter("mag").start is None:
        shift = 0.0
    elif any(modifier in _CUTS for modifier in component.modifiers):
        kept = None
        lines.append("# truncated: GALFIT takes 3) as a surface brightness, this is the total magnitude")
        shift = 0.0
    else:
        kept = None
        shift = brightness_offset(kind, component.modifiers, own, setup.plate_scale)
    x, y = own["x"] + setup.origin[0] + 1.0, own["y"] + setup.origin[1] + 1.0
    lines.append(f" 1) {_text(x)} {_text(y)} {free['x']} {free['y']}")
    for number, name in kind.parameters.items():
        if number > 2:
            value = own[name] - shift if name == "mag" else own[name] / kind.factors.get(name, 1.0)
            lines.append(f"{number:2d}) {_text(value)} {free[name]}")
            if name == "mag" and kept is not None:
                lines[-1] = f" {kept}"
    if "boxiness" in own and (own["boxiness"] != 0.0 or free["boxiness"]):
        lines.append(f"C0) {_text(own['boxiness'])} {free['boxiness']}")
    return lines + _modes(component, own, free)


def _kept(setup: GalfitSetup) -> dict[str, str]:
    """GALFIT's own line 3 of components whose surface brightness is no total magnitude, by column."""
    places = {leftover.place: leftover.text for leftover in setup.leftovers}
    names = [component.name for component in setup.model.components]
    return {f"{name}_mag": places[f"brightness {name}"] for name in names if f"brightness {name}" in places}


def _modes(component: Component, own: Mapping[str, float], free: Mapping[str, int]) -> list[str]:
    lines: list[str] = []
    for key, modifier in HIDDEN.items():
        name = key.lower()
        if modifier in component.modifiers and key.startswith("F"):
            phase = f"{name}_phase"
            lines.append(f"{key}) {_text(own[name])} {_text(own[phase])} {free[name]} {free[phase]}")
        elif modifier in component.modifiers:
            lines.append(f"{key}) {_text(own[name])} {free[name]}")
    if "spiral" in component.modifiers:
        lines.append("R0) log")
        lines += [f"R{number}) {_text(own[name])} {free[name]}" for number, name in SPIRAL.items()]
    return lines


def _truncation(component: Component, name: str, at: Mapping[str, float], number: int) -> list[str]:
    """The object of a truncation: break radius and softening length."""
    lines = [f"# Component number: {number}", "T0) radial2"]
    for key, parameter in (("T4", name), ("T5", f"{name}_soft")):
        free = int(not component.parameter(parameter).fixed)
        lines.append(f"{key}) {_text(at[f'{component.name}_{parameter}'])} {free}")
    return [*lines, ""]


def _limited(parameter: Parameter, declared: Parameter) -> bool:
    """Whether its bounds say more than its profile, or than that its start value lies inside."""
    start = declared.lower if parameter.start is None else parameter.start
    usual = (min(declared.lower, start), max(declared.upper, start))
    return (parameter.lower, parameter.upper) != usual


def _constraint_name(component: Component, parameter: str) -> str | None:
    """What a constraint file calls a parameter; None where it has no name for it."""
    kind = _kind(component)
    if parameter == "mag" and kind.brightness:
        return None
    names = constraint_names(kind, component.modifiers)
    found = [name for name, ours in names.items() if ours == parameter]
    return next((name for name in found if not name.isdigit()), found[0] if found else None)


def _tie_line(
    model: Model, component: Component, parameter: Parameter, names: Mapping[str, int]
) -> str | None:
    tie = parameter.tied
    assert tie is not None
    other, _, to = tie.to.partition(".")
    name = _constraint_name(component, parameter.name)
    same = _constraint_name(model.component(other), to)
    plain = (tie.factor == 1.0) + (tie.offset == 0.0)
    if tie.plus or plain == 0 or name is None or name != same or other == component.name:
        return None
    return f"{names[other]}_{names[component.name]} {name} {'offset' if tie.factor == 1.0 else 'ratio'}"


def _limit_line(
    setup: GalfitSetup, component: Component, parameter: Parameter, names: Mapping[str, int]
) -> str | None:
    name = _constraint_name(component, parameter.name)
    if name is None or not (math.isfinite(parameter.lower) and math.isfinite(parameter.upper)):
        return None
    factor = _kind(component).factors.get(parameter.name, 1.0)
    shift = {"x": setup.origin[0] + 1.0, "y": setup.origin[1] + 1.0}.get(parameter.name, 0.0)
    low, high = (_text(bound / factor + shift) for bound in (parameter.lower, parameter.upper))
    return f"{names[component.name]} {name} {low} to {high}"


def _order_line(
    model: Model, smaller: str, larger: str, factor: float, names: Mapping[str, int]
) -> str | None:
    ends = [model.columns[model.index(column)].partition("_")[::2] for column in (smaller, larger)]
    parts = [(model.component(component), parameter) for component, parameter in ends]
    found = [_constraint_name(component, parameter) for component, parameter in parts]
    positive = all(component.parameter(parameter).lower >= 0 for component, parameter in parts)
    if found[0] is None or found[0] != found[1] or not positive:
        return None
    scales = [_kind(component).factors.get(parameter, 1.0) for component, parameter in parts]
    most = _text(factor * scales[1] / scales[0])
    return f"{names[parts[0][0].name]}/{names[parts[1][0].name]} {found[0]} 0 {most}"
