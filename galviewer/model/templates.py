"""Ready-made models for the common cases."""

from __future__ import annotations

from galviewer.errors import ModelError
from galviewer.model.description import Component, Model, Tie


def _same_centre(component: Component, other: str) -> Component:
    """Ties the centre of `component` to that of the component named `other`."""
    for name in ("x", "y"):
        component = component.replace(name, tied=Tie(f"{other}.{name}"))
    return component


_SERSIC = Component("sersic", "sersic")
_SKY = Component("sky", "flat_sky")
_BULGE = Component("bulge", "sersic").replace("n", upper=8.0)
_DISK = _same_centre(Component("disk", "exponential"), "bulge")
_BAR = _same_centre(Component("bar", "sersic"), "bulge").replace("n", lower=0.2, upper=2.0)
_POINT = _same_centre(Component("point", "point"), "sersic")

_TEMPLATES = {
    "sersic": (_SERSIC,),
    "sersic+sky": (_SERSIC, _SKY),
    "bulge+disk": (_BULGE, _DISK),
    "bulge+disk+sky": (_BULGE, _DISK, _SKY),
    "bulge+bar+disk": (_BULGE, _BAR, _DISK),
    "bulge+bar+disk+sky": (_BULGE, _BAR, _DISK, _SKY),
    "sersic+point": (_SERSIC, _POINT),
    "sersic+point+sky": (_SERSIC, _POINT, _SKY),
}

TEMPLATES: tuple[str, ...] = tuple(_TEMPLATES)
"""Names that `template` knows."""


def template(name: str) -> Model:
    """A ready-made model; bulge, bar and disk, and galaxy and point source, share their centre.

    Raises
    ------
    ModelError
        If there is no template of that name.
    """
    if name not in _TEMPLATES:
        raise ModelError(f"template {name!r}", "not known", "one of " + ", ".join(TEMPLATES))
    return Model(_TEMPLATES[name], name=name)
