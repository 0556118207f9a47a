"""Models: which components are summed, and what each parameter may do.

description   Parameter, Tie, Component, Model
priors        what is known of parameters before the fit
templates     ready-made models by name
toml          models as text
galfit        GALFIT's input and constraint files
imfit         imfit's configuration files
surface       brightness at a radius to total flux
leftovers     what another program's file says and a model cannot
"""

from galviewer.model.description import Component, Model, Parameter, Tie
from galviewer.model.priors import Order, Prior, lognormal, normal, uniform
from galviewer.model.templates import TEMPLATES, template
from galviewer.model.toml import from_toml, load, to_toml

__all__ = [
    "TEMPLATES",
    "Component",
    "Model",
    "Order",
    "Parameter",
    "Prior",
    "Tie",
    "from_toml",
    "load",
    "lognormal",
    "normal",
    "template",
    "to_toml",
    "uniform",
]
