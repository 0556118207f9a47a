"""Random models for round trips: every feature of a model, drawn by hypothesis."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from galviewer import model as models
from galviewer import profiles
from galviewer.model import Component, Model, Order, Prior, Tie

MODIFIERS = ("fourier1", "fourier3", "bending2", "inner_truncation", "outer_truncation", "spiral")


@st.composite
def number(draw, lower, upper):
    """A number between two bounds, either of which may be infinite, of at most eight digits."""
    low, high = max(lower, -1e3), min(upper, 1e3)
    share = draw(st.integers(1, 999)) / 1000.0
    return min(max(float(f"{low + (high - low) * share:.8g}"), lower), upper)


@st.composite
def prior(draw, lower, upper):
    """A prior of any kind whose limits meet the bounds."""
    kind = draw(st.sampled_from(("normal", "lognormal", "uniform")))
    width = draw(number(0.01, 5.0))
    middle = draw(number(max(lower, 0.01), max(upper, 0.5)))
    if kind == "uniform":
        return models.uniform(middle - width, middle + width)
    low = draw(st.sampled_from((-math.inf, middle - width)))
    high = draw(st.sampled_from((math.inf, middle + width)))
    return Prior(kind, middle, width, max(low, 0.0) if kind == "lognormal" else low, high)


@st.composite
def component(draw, name, names, others=(), modifiers=MODIFIERS, priors=True):
    """A component; `others` are columns that its parameters may follow."""
    profile = draw(st.sampled_from(names))
    chosen = ()
    if profiles.get(profile).kind == "elliptical":
        some = draw(st.lists(st.sampled_from(modifiers), unique=True, max_size=3)) if modifiers else []
        taken = {p.name for p in profiles.get(profile).parameters}
        some = [m for m in some if m != "outer_truncation" or "r_out" not in taken]
        chosen = tuple(sorted(some, key=profiles.modifier_names().index))
    made = Component(name, profile, modifiers=chosen)
    for parameter in made.parameters:
        what = draw(st.sampled_from(("start", "fixed", "bounds", "tied", "declared", "prior")))
        start = draw(number(parameter.lower, parameter.upper))
        if what in ("start", "fixed"):
            made = made.replace(parameter.name, start=start, fixed=what == "fixed")
        elif what == "bounds":
            lower = draw(number(parameter.lower, start))
            made = made.replace(parameter.name, lower=lower, start=start, fixed=False)
        elif what == "tied" and others:
            more = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
            plus = tuple((to, draw(number(-2.0, 2.0))) for to in more)
            tie = Tie(draw(st.sampled_from(others)), draw(number(-3.0, 3.0)), draw(number(-9.0, 9.0)), plus)
            made = made.replace(parameter.name, tied=tie, start=None, fixed=False)
        elif what == "prior" and priors:
            made = made.replace(parameter.name, prior=draw(prior(parameter.lower, parameter.upper)))
    return made


@st.composite
def model(draw, names=None):
    """A model of one to three components with ties, sums, priors, orders and modifiers."""
    names = names or [name for name in profiles.names() if "mge" not in name]
    components: list[Component] = []
    for k in range(draw(st.integers(1, 3))):
        others = tuple(f"{c.name}.{p.name}" for c in components for p in c.parameters)
        components.append(draw(component(f"part{k}", names, others)))
    columns = [f"{c.name}.{p.name}" for c in components for p in c.parameters]
    orders = tuple(
        Order(draw(st.sampled_from(columns)), draw(st.sampled_from(columns)), draw(number(0.1, 3.0)))
        for _ in range(draw(st.integers(0, 2)))
    )
    return Model(
        tuple(components), name=draw(st.sampled_from(("", "a model", 'with "quotes" é'))), orders=orders
    )
