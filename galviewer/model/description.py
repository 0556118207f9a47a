"""Parameter, Tie, Component, Model: frozen descriptions of what is fitted."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from galviewer import profiles
from galviewer.errors import ModelError
from galviewer.model.priors import Order, Prior
from galviewer.profiles import Profile, ProfileParameter

_NAME = re.compile(r"(?!(?:name|orders)\Z)[A-Za-z][A-Za-z0-9]*\Z")


@dataclass(frozen=True)
class Tie:
    """A parameter that follows others: ``value = factor * other + offset``, or a sum of several.

    Parameters
    ----------
    to : str
        The other parameter, as ``component.parameter``.
    factor, offset : float
        In the parameters' own units.
    plus : tuple of (str, float)
        Further parameters and their factors, added.
    """

    to: str
    factor: float = 1.0
    offset: float = 0.0
    plus: tuple[tuple[str, float], ...] = ()

    @property
    def terms(self) -> tuple[tuple[str, float], ...]:
        """All parameters it follows, with their factors."""
        return ((self.to, self.factor), *self.plus)


@dataclass(frozen=True)
class Parameter:
    """One number of a component: where it starts, how far it may go, what it follows.

    Parameters
    ----------
    name, unit, meaning, scale
        From the profile's declaration.
    start : float or None
        Start value; None to measure it on each galaxy.
    lower, upper : float
        Bounds, inclusive; infinite where there are none.
    fixed : bool
        Held at its start value.
    tied : Tie or None
        Follows another parameter instead of being fitted.
    prior : Prior or None
        What is known of it before the fit.
    """

    name: str
    start: float | None = None
    lower: float = -math.inf
    upper: float = math.inf
    fixed: bool = False
    tied: Tie | None = None
    prior: Prior | None = None
    unit: str = ""
    meaning: str = ""
    scale: str = "linear"

    @classmethod
    def declared(cls, declaration: ProfileParameter) -> Parameter:
        """The parameter as its profile declares it; measured unless the declaration fixes its value."""
        return cls(
            name=declaration.name,
            start=declaration.default if declaration.fixed and declaration.start_in_r_eff is None else None,
            lower=declaration.lower,
            upper=declaration.upper,
            fixed=declaration.fixed,
            unit=declaration.unit,
            meaning=declaration.meaning,
            scale=declaration.scale,
        )

    @property
    def free(self) -> bool:
        """Whether the fit varies it."""
        return not self.fixed and self.tied is None


@dataclass(frozen=True)
class Component:
    """A named profile with its parameters, in the profile's order.

    Parameters
    ----------
    name : str
        Letters and digits.
    profile : str
        Name of a profile.
    parameters : tuple of Parameter
        As the profile declares them where omitted.
    modifiers : tuple of str
        Names of what bends, cuts off or winds the profile; their parameters follow the profile's own.

    Raises
    ------
    ModelError
        If the name is not letters and digits, the profile is unknown, or its parameters do not match.
    """

    name: str
    profile: str
    parameters: tuple[Parameter, ...] = ()
    modifiers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.match(self.name):
            raise ModelError(
                f"component {self.name!r}",
                "is not a usable name",
                "letters and digits, starting with a letter, not 'name' or 'orders'",
            )
        declared = self.declaration.parameters
        if not self.parameters:
            object.__setattr__(self, "parameters", tuple(Parameter.declared(d) for d in declared))
        found, expected = [p.name for p in self.parameters], [d.name for d in declared]
        if found != expected:
            raise ModelError(
                f"component {self.name!r}", f"has parameters {found}", f"{expected} ({self.profile})"
            )
        for parameter in self.parameters:
            _check_parameter(self.name, parameter)

    @property
    def declaration(self) -> Profile:
        """The profile's declaration, modifiers included."""
        return profiles.get(self.profile, self.modifiers)

    def parameter(self, name: str) -> Parameter:
        """The parameter of that name.

        Raises
        ------
        ModelError
            If the component has none.
        """
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        known = ", ".join(p.name for p in self.parameters)
        raise ModelError(f"component {self.name!r}", f"has no parameter {name!r}", f"one of {known}")

    def replace(self, name: str, **changes: Any) -> Component:
        """A copy in which the parameter `name` has `changes`."""
        self.parameter(name)
        parameters = tuple(
            dataclasses.replace(p, **changes) if p.name == name else p for p in self.parameters
        )
        return dataclasses.replace(self, parameters=parameters)


@dataclass(frozen=True)
class Model:
    """Components whose sum is fitted to each galaxy.

    Parameters
    ----------
    components : tuple of Component
        At least one, with different names.
    name : str
        Shown in catalogues and on screen.
    orders : tuple of Order
        Which parameters stay below which others.

    Raises
    ------
    ModelError
        If names repeat or a tie leads nowhere, in a circle, or to its own parameter.
    """

    components: tuple[Component, ...]
    name: str = ""
    orders: tuple[Order, ...] = ()

    def __post_init__(self) -> None:
        names = [component.name for component in self.components]
        if not names or len(set(names)) < len(names):
            raise ModelError(
                f"model {self.name!r}", f"has components {names}", "one or more, each named once"
            )
        for column in self.columns:
            self.tie_terms(column)
        for order in self.orders:
            self.index(order.smaller)
            self.index(order.larger)
            if not order.factor > 0:
                raise ModelError(f"order of {order.smaller}", f"factor {order.factor}", "a factor above 0")

    @functools.cached_property
    def columns(self) -> tuple[str, ...]:
        """``component_parameter`` of all P parameters, in the engine's order."""
        return tuple(f"{c.name}_{p.name}" for c in self.components for p in c.parameters)

    @functools.cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All P parameters, in the engine's order."""
        return tuple(p for c in self.components for p in c.parameters)

    @functools.cached_property
    def free(self) -> tuple[int, ...]:
        """Indices of the F parameters that the fit varies."""
        return tuple(i for i, parameter in enumerate(self.parameters) if parameter.free)

    @functools.cached_property
    def turns(self) -> tuple[float, ...]:
        """For each of the P parameters, degrees after which an angle means the same again; inf for others.

        Half a turn for an ellipse; a whole one for what has two different ends: planar and modified
        components.
        """
        found = []
        for component in self.components:
            two_ends = component.declaration.kind == "planar" or bool(component.modifiers)
            for parameter in component.parameters:
                whole = 360.0 if two_ends and parameter.name == "pa" else 180.0
                found.append(whole if parameter.scale == "angle" else math.inf)
        return tuple(found)

    @functools.cached_property
    def component_slices(self) -> dict[str, slice]:
        """For each component, its part of the P parameters."""
        slices, start = {}, 0
        for component in self.components:
            slices[component.name] = slice(start, start + len(component.parameters))
            start += len(component.parameters)
        return slices

    def index(self, column: str) -> int:
        """Position of ``component_parameter`` (or ``component.parameter``) among the P parameters.

        Raises
        ------
        ModelError
            If there is no such column.
        """
        try:
            return self.columns.index(column.replace(".", "_", 1))
        except ValueError:
            known = ", ".join(self.columns)
            raise ModelError(
                f"model {self.name!r}", f"has no parameter {column!r}", f"one of {known}"
            ) from None

    def component(self, name: str) -> Component:
        """The component of that name.

        Raises
        ------
        ModelError
            If there is none.
        """
        for component in self.components:
            if component.name == name:
                return component
        known = ", ".join(c.name for c in self.components)
        raise ModelError(f"model {self.name!r}", f"has no component {name!r}", f"one of {known}")

    def replace(self, column: str, **changes: Any) -> Model:
        """A copy in which one parameter has `changes`, e.g. ``replace("disk_x", fixed=True)``."""
        name, _, parameter = self.columns[self.index(column)].partition("_")
        components = tuple(c.replace(parameter, **changes) if c.name == name else c for c in self.components)
        return dataclasses.replace(self, components=components)

    def with_component(self, component: Component) -> Model:
        """A copy with one more component, or with the one of that name replaced."""
        kept = [component if c.name == component.name else c for c in self.components]
        if component not in kept:
            kept.append(component)
        return dataclasses.replace(self, components=tuple(kept))

    def without_component(self, name: str) -> Model:
        """A copy without that component; ties to it become free parameters, orders with it go."""
        self.component(name)
        kept = []
        for component in self.components:
            for parameter in component.parameters:
                tie = parameter.tied
                if tie is not None and name in {to.split(".")[0] for to, _ in tie.terms}:
                    component = component.replace(parameter.name, tied=None)
            if component.name != name:
                kept.append(component)
        orders = tuple(
            o for o in self.orders if name not in (o.smaller.split(".")[0], o.larger.split(".")[0])
        )
        return dataclasses.replace(self, components=tuple(kept), orders=orders)

    def tie_terms(self, column: str) -> tuple[tuple[tuple[int, float], ...], float]:
        """The free or fixed parameters that `column` follows in the end.

        Returns
        -------
        terms : tuple of (int, float)
            Indices and factors: ``value = sum(factor * values[index]) + offset``; the column itself with
            factor 1 when untied.
        offset : float

        Raises
        ------
        ModelError
            If a tie leads to no parameter or in a circle.
        """
        return self._follow(self.index(column), ())

    def _follow(self, index: int, passed: tuple[int, ...]) -> tuple[tuple[tuple[int, float], ...], float]:
        tie = self.parameters[index].tied
        if tie is None:
            return ((index, 1.0),), 0.0
        if index in passed:
            raise ModelError(
                f"parameter {self.columns[index]!r}",
                "is tied in a circle",
                "a tie that ends at an untied parameter",
            )
        offset = tie.offset
        sums: dict[int, float] = {}
        for to, factor in tie.terms:
            roots, shift = self._follow(self.index(to), (*passed, index))
            offset += factor * shift
            for root, share in roots:
                sums[root] = sums.get(root, 0.0) + factor * share
        return tuple(sums.items()), offset

    @functools.cached_property
    def affine(self) -> tuple[np.ndarray, np.ndarray]:
        """Matrix (P, P) and offset (P,) : ``matrix @ values + offset`` fills in all ties."""
        matrix, offsets = np.zeros((len(self.columns),) * 2), np.zeros(len(self.columns))
        for index in range(len(self.columns)):
            terms, offsets[index] = self._follow(index, ())
            for root, factor in terms:
                matrix[index, root] = factor
        return matrix, offsets


def _check_parameter(component: str, parameter: Parameter) -> None:
    """Bounds in order, start inside them, fixed only with a value."""
    whose = f"{component}.{parameter.name}"
    if math.isnan(parameter.lower) or math.isnan(parameter.upper) or parameter.lower > parameter.upper:
        raise ModelError(whose, f"bounds [{parameter.lower}, {parameter.upper}]", "lower <= upper")
    if parameter.start is not None and not math.isfinite(parameter.start):
        raise ModelError(whose, f"start {parameter.start}", "a finite number")
    if parameter.start is not None and not parameter.lower <= parameter.start <= parameter.upper:
        raise ModelError(
            whose, f"start {parameter.start}", f"a value in its bounds [{parameter.lower}, {parameter.upper}]"
        )
    prior = parameter.prior
    if prior is not None and max(prior.lower, parameter.lower) > min(prior.upper, parameter.upper):
        raise ModelError(
            whose, f"prior between {prior.lower} and {prior.upper}", "limits that meet its bounds"
        )
    if parameter.fixed and parameter.tied is not None:
        raise ModelError(whose, "is both fixed and tied", "one of the two")
