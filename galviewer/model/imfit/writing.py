"""Setups and models to imfit's configuration files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Parameter
from galviewer.model.galfit.writing import start_values
from galviewer.model.imfit.functions import FUNCTIONS, THICK, WRITTEN, Function
from galviewer.model.imfit.reading import ImfitSetup

_HEAD = (("GAIN", "gain"), ("READNOISE", "read_noise"), ("ORIGINAL_SKY", "sky"), ("EXPTIME", "exposure"))


def write_imfit(
    source: ImfitSetup | Model,
    path: str | Path,
    values: Mapping[str, float] | None = None,
    zeropoint: float = 0.0,
) -> tuple[str, ...]:
    """Write an imfit configuration.

    Parameters
    ----------
    source : ImfitSetup or Model
        What to write.
    path : path
        The file.
    values : mapping, optional
        Start values by column; those of the model where missing.
    zeropoint : float
        Magnitude of one count; a setup's own wins.

    Returns
    -------
    tuple of str
        What the model says and imfit's file cannot; it also stands in the file as comments.

    Raises
    ------
    ModelError
        If a component has no counterpart in imfit, a start value is missing, or the file cannot be written.
    """
    setup = source if isinstance(source, ImfitSetup) else ImfitSetup(source, zeropoint)
    text, unsaid = to_imfit(setup, values)
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ModelError(str(path), f"cannot be written ({error})", "a place for the file") from error
    return unsaid


def to_imfit(setup: ImfitSetup, values: Mapping[str, float] | None = None) -> tuple[str, tuple[str, ...]]:
    """The text of an imfit configuration, and what it cannot say.

    Raises
    ------
    ModelError
        If a component has no counterpart in imfit, or a start value is missing.
    """
    at = start_values(setup.model, values or {}, "imfit")
    lines: list[str] = []
    unsaid = [f"the order {o.smaller} < {o.factor:g} * {o.larger}" for o in setup.model.orders]
    leader = ""
    for component in setup.model.components:
        own = {p.name: at[f"{component.name}_{p.name}"] for p in component.parameters}
        shared = _shared(component, leader)
        if not shared and ("x" in own or not leader):
            lines += ["", *_centre(component, own, unsaid)]
            leader = component.name
        unsaid += [
            f"the {p.prior.kind} prior of {component.name}.{p.name}" for p in component.parameters if p.prior
        ]
        lines += _function(setup, component, own, unsaid, at)
    for leftover in setup.leftovers:
        if leftover.place == "function":
            lines += leftover.text.splitlines()
    head = [f"{key} {_text(value)}" for key, name in _HEAD if (value := getattr(setup, name)) is not None]
    head += [f"NCOMBINED {setup.combined}"] if setup.combined != 1 else []
    head += [f"NCOLS {setup.shape[1]}", f"NROWS {setup.shape[0]}"] if setup.shape else []
    head += [leftover.text for leftover in setup.leftovers if leftover.place == "prelude"]
    head += [f"# not said here: {what}" for what in unsaid]
    return "\n".join([*head, *lines, ""]), tuple(unsaid)


def _text(value: float) -> str:
    return f"{value:.12g}"


def _shared(component: Component, leader: str) -> bool:
    """Whether it has the centre of `leader`, or none."""
    if "x" not in component.declaration.parameter_names:
        return bool(leader)
    ties = [component.parameter(name).tied for name in ("x", "y")]
    return all(
        tie is not None and tie.terms == ((f"{leader}.{name}", 1.0),) and tie.offset == 0.0
        for name, tie in zip(("x", "y"), ties, strict=True)
    )


def _centre(component: Component, own: Mapping[str, float], unsaid: list[str]) -> list[str]:
    if "x" not in own:
        return ["X0 1 fixed", "Y0 1 fixed"]
    return [
        f"{name.upper()}0 {_text(own[name] + 1.0)} {_limits(component, name, unsaid, shift=1.0)}".rstrip()
        for name in ("x", "y")
    ]


def _limits(
    component: Component, name: str, unsaid: list[str], shift: float = 0.0, factor: float = 1.0
) -> str:
    """What follows a value: ``fixed``, limits, or nothing."""
    parameter = component.parameter(name)
    if parameter.fixed:
        return "fixed"
    if parameter.tied is not None:
        unsaid.append(f"the tie of {component.name}.{name}")
        return ""
    declared = next(p for p in component.declaration.parameters if p.name == name)
    usual = Parameter.declared(declared)
    start = usual.lower if parameter.start is None else parameter.start
    if (parameter.lower, parameter.upper) == (min(usual.lower, start), max(usual.upper, start)):
        return ""
    if not (math.isfinite(parameter.lower) and math.isfinite(parameter.upper)):
        unsaid.append(f"the one-sided limit of {component.name}.{name}")
        return ""
    low, high = (bound / factor + shift for bound in (parameter.lower, parameter.upper))
    if name == "q":
        low, high = 1.0 - high, 1.0 - low
    return f"{_text(low)},{_text(high)}"


def _written(component: Component, own: Mapping[str, float]) -> Function:
    """The function as which a component is written."""
    function = WRITTEN.get(component.profile)
    boxy = "boxiness" in own and (own["boxiness"] != 0.0 or not component.parameter("boxiness").fixed)
    if component.profile == "de_vaucouleurs":
        function = FUNCTIONS["sersic"]
    if function is not None and boxy and "c0" not in function.labels:
        function = FUNCTIONS.get(f"{function.name.lower()}_genellipse")
    if function is not None and function.name == "ExponentialDisk3D" and own["inclination"] == 90.0:
        function = THICK if component.parameter("inclination").fixed else function
    held = {} if function is None else function.held
    wrong = any(own[name] != value or not component.parameter(name).fixed for name, value in held.items())
    if function is None or wrong or component.modifiers:
        what = f"a {component.profile}" + "".join(f" with {modifier}" for modifier in component.modifiers)
        what += " of boxy or disky isophotes" if boxy else ""
        what += f" whose {', '.join(held)} is not held at {list(held.values())}" if wrong else ""
        raise ModelError(
            f"component {component.name!r}", f"is {what}, which imfit lacks", "a function of imfit"
        )
    return function


def _function(
    setup: ImfitSetup,
    component: Component,
    own: Mapping[str, float],
    unsaid: list[str],
    at: Mapping[str, float],
) -> list[str]:
    """The lines of one function."""
    function = _written(component, own)
    four = {"n": 4.0} if component.profile == "de_vaucouleurs" else {}
    values = {**own, **four}
    kept = {leftover.place: leftover.text for leftover in setup.leftovers}
    lines = [f"FUNCTION {function.name} # LABEL {component.name}"]
    for label, name in function.labels.items():
        factor = function.factors.get(name, 1.0)
        if name == "mag":
            flux = function.flux(values)
            value = float(f"{10.0 ** (-0.4 * (own['mag'] - setup.zeropoint)) / flux:.10g}")
            limits = kept.get(f"limits {component.name}.mag", "")
            limits = limits or _brightness_limits(setup, component, flux, unsaid)
        elif name not in own:  # imfit's parameter, which our profile does not have: it is held
            value, limits = four.get(name, 1.0), "fixed"
        else:
            value = 1.0 - own[name] if name == "q" else own[name] / factor
            value = _tilt(setup, component, own, at, value) if label == "I_0" and name == "level" else value
            limits = _limits(component, name, unsaid, factor=factor)
        lines.append(f"{label} {_text(value)} {limits}".rstrip())
    return lines + kept.get(f"options {component.name}", "").splitlines()


def _brightness_limits(setup: ImfitSetup, component: Component, flux: float, unsaid: list[str]) -> str:
    """Limits of the magnitude as those of the brightness, where the shape is held."""
    parameter = component.parameter("mag")
    if parameter.fixed or parameter.tied is not None:
        return _limits(component, "mag", unsaid)
    if math.isinf(parameter.lower) and math.isinf(parameter.upper):
        return ""
    shape = [p for p in component.parameters if p.name not in ("x", "y", "mag", "pa")]
    if math.isinf(parameter.lower) or not all(p.fixed for p in shape):
        unsaid.append(f"the limits of {component.name}.mag")
        return ""
    low, high = (
        0.0 if math.isinf(end) else 10.0 ** (-0.4 * (end - setup.zeropoint)) / flux
        for end in (parameter.upper, parameter.lower)
    )
    return f"{_text(low)},{_text(high)}"


def _tilt(
    setup: ImfitSetup, component: Component, own: Mapping[str, float], at: Mapping[str, float], level: float
) -> float:
    """The level at the centre of the set, from that at the image's centre."""
    slopes = (own.get("slope_x", 0.0), own.get("slope_y", 0.0))
    if setup.shape is None or slopes == (0.0, 0.0):
        return level
    leader = ""
    for other in setup.model.components:
        if other.name == component.name:
            break
        names = other.declaration.parameter_names
        leader = other.name if "x" in names and not (leader and _shared(other, leader)) else leader
    x, y = (at.get(f"{leader}_{name}", 0.0) for name in ("x", "y"))
    return level + slopes[0] * (x - 0.5 * (setup.shape[1] - 1)) + slopes[1] * (y - 0.5 * (setup.shape[0] - 1))
