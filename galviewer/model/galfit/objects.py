"""GALFIT's component types: which of their numbers is which parameter, in which unit.

A GALFIT brightness (ferrer, king, nuker, edgedisk) is in magnitudes per square arcsec. The mapping of all
types is one table, read in both directions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from galviewer.model.surface import flux_per_brightness

EXPONENTIAL_B = 1.6783469900166605
"""Half-light radius over scale length of an exponential disk."""


@dataclass(frozen=True)
class GalfitType:
    """One component type of GALFIT.

    Parameters
    ----------
    name, profile : str
        GALFIT's name and ours.
    numbers : dict
        Parameter of each of GALFIT's numbers, beyond 1, 2 (centre), 3 (magnitude), 9 and 10.
    factors : dict
        Our value over GALFIT's, where they differ.
    brightness : bool
        Whether number 3 is a surface brightness.
    at : str or None
        The radius at which it is meant; None for the centre.
    """

    name: str
    profile: str
    numbers: Mapping[int, str] = field(default_factory=dict)
    factors: Mapping[str, float] = field(default_factory=dict)
    brightness: bool = False
    at: str | None = None

    @property
    def parameters(self) -> dict[int, str]:
        """All of its numbers."""
        if self.name == "sky":
            return {1: "level", 2: "slope_x", 3: "slope_y"}
        found = {1: "x", 2: "y", 3: "mag", **self.numbers}
        if self.name == "edgedisk":
            return found | {10: "pa"}
        return found if self.name == "psf" else found | {9: "q", 10: "pa"}


_ALL = (
    GalfitType("sersic", "sersic", {4: "r_eff", 5: "n"}),
    GalfitType("sersic2", "sersic", {4: "r_eff", 5: "n"}, brightness=True, at="r_eff"),
    GalfitType("devauc", "de_vaucouleurs", {4: "r_eff"}),
    GalfitType("expdisk", "exponential", {4: "r_eff"}, {"r_eff": EXPONENTIAL_B}),
    GalfitType("expdisk1", "exponential", {4: "r_eff"}, {"r_eff": EXPONENTIAL_B}, brightness=True),
    GalfitType("edgedisk", "edge_on", {4: "h_z", 5: "r_s"}, brightness=True),
    GalfitType("ferrer", "ferrer", {4: "r_out", 5: "alpha", 6: "beta"}, brightness=True),
    GalfitType("ferrers", "ferrer", {4: "r_out", 5: "alpha", 6: "beta"}, brightness=True),
    GalfitType("king", "king", {4: "r_c", 5: "r_t", 6: "alpha"}, brightness=True),
    GalfitType(
        "nuker",
        "nuker",
        {4: "r_break", 5: "alpha", 6: "beta", 7: "gamma"},
        brightness=True,
        at="r_break",
    ),
    GalfitType("gaussian", "gaussian", {4: "fwhm"}),
    GalfitType("moffat", "moffat", {4: "fwhm", 5: "beta"}),
    GalfitType("psf", "point"),
    GalfitType("sky", "flat_sky"),
)
TYPES = {kind.name: kind for kind in _ALL}
"""GALFIT's types by their names."""

WRITTEN = {
    kind.profile: kind for kind in reversed(_ALL) if kind.name not in ("sersic2", "expdisk1", "ferrers")
}
WRITTEN["tilted_sky"] = TYPES["sky"]
"""The type as which each of our profiles is written."""

SPIRAL = {1: "spiral_r_in", 2: "spiral_r_out", 3: "spiral_angle", 4: "spiral_scale", 9: "inclination",
          10: "spiral_pa"}  # fmt: skip
"""Parameters of GALFIT's coordinate rotation, ``R1`` to ``R10``."""

HIDDEN = {f"{key}{order}": f"{ours}{order}" for key, ours, most in (("F", "fourier", 6), ("B", "bending", 3))
          for order in range(1, most + 1)}  # fmt: skip
"""Modifier of each of GALFIT's Fourier and bending modes."""


def brightness_offset(
    kind: GalfitType, modifiers: tuple[str, ...], values: Mapping[str, float], scale: tuple[float, float]
) -> float:
    """Total magnitude minus surface brightness (mag / arcsec^2) of a component; nan without finite light.

    Raises
    ------
    ModelError
        If its modifiers leave no brightness to speak of.
    """
    if not kind.brightness:
        return 0.0
    flux = flux_per_brightness(kind.profile, modifiers, values, kind.at) * scale[0] * scale[1]
    return -2.5 * math.log10(flux) if math.isfinite(flux) and flux > 0 else math.nan


def constraint_names(kind: GalfitType, modifiers: tuple[str, ...]) -> dict[str, str]:
    """Our parameter for each name that a constraint file may use."""
    names = {str(number): parameter for number, parameter in kind.parameters.items()}
    if kind.name == "sky":
        return names | {"sky": "level", "dsky/dx": "slope_x", "dsky/dy": "slope_y"}
    for number, parameter in kind.parameters.items():
        if number in (1, 2, 3, 9, 10) or parameter in ("n", "alpha", "beta", "gamma"):
            names[parameter] = parameter
        if number == 4:
            names |= {"re": parameter, "rs": parameter}
        if number == 5:
            names.setdefault("n", parameter)
    if kind.profile not in ("point", "edge_on"):
        names |= {"c": "boxiness", "c0": "boxiness"}
    for modifier in modifiers:
        order = modifier[-1]
        if modifier.startswith("fourier"):
            names |= {f"f{order}a": f"f{order}", f"f{order}p": f"f{order}_phase"}
        elif modifier.startswith("bending"):
            names[f"b{order}"] = f"b{order}"
        elif modifier == "spiral":
            names |= {f"r{number}": parameter for number, parameter in SPIRAL.items()}
    return names
