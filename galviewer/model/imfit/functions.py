"""imfit's image functions: which of their parameters is which of ours, in which unit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from galviewer.model.galfit.objects import EXPONENTIAL_B
from galviewer.model.surface import flux_per_brightness

FWHM = 2.0 * math.sqrt(2.0 * math.log(2.0))
"""Full width at half maximum over standard deviation of a Gaussian."""


@dataclass(frozen=True)
class Function:
    """One image function of imfit.

    Parameters
    ----------
    name, profile : str
        imfit's name and ours.
    labels : dict
        Our parameter for each of imfit's, in imfit's order; "ell" stands for 1 - q, the brightness for the
        total magnitude.
    factors : dict
        Our value over imfit's, where they differ.
    at : str or None
        Shape parameter at whose radius the brightness is meant; None for the centre.
    held : dict
        Our parameters that imfit's function holds at a value.
    """

    name: str
    profile: str
    labels: Mapping[str, str]
    factors: Mapping[str, float] = field(default_factory=dict)
    at: str | None = None
    held: Mapping[str, float] = field(default_factory=dict)

    def flux(self, values: Mapping[str, float]) -> float:
        """Total flux per unit of its brightness parameter, all values being ours."""
        if self.profile in ("point", "flat_sky", "tilted_sky"):
            return 1.0
        flux = flux_per_brightness(self.profile, (), values, self.at)
        # L_0 is an emissivity: the line of sight through the centre gathers 2 h L_0.
        return flux * 2.0 * values["r_s"] if self.name == "EdgeOnDisk" and self.profile == "edge_on" else flux


def _ellipse(*rest: tuple[str, str], c0: bool = False) -> dict[str, str]:
    return {"PA": "pa", "ell": "q", **({"c0": "boxiness"} if c0 else {}), **dict(rest)}


_ALL = (
    Function("Sersic", "sersic", _ellipse(("n", "n"), ("I_e", "mag"), ("r_e", "r_eff")), at="r_eff"),
    Function(
        "Sersic_GenEllipse",
        "sersic",
        _ellipse(("n", "n"), ("I_e", "mag"), ("r_e", "r_eff"), c0=True),
        at="r_eff",
    ),
    Function(
        "Exponential", "exponential", _ellipse(("I_0", "mag"), ("h", "r_eff")), {"r_eff": EXPONENTIAL_B}
    ),
    Function(
        "Exponential_GenEllipse",
        "exponential",
        _ellipse(("I_0", "mag"), ("h", "r_eff"), c0=True),
        {"r_eff": EXPONENTIAL_B},
    ),
    Function("Gaussian", "gaussian", _ellipse(("I_0", "mag"), ("sigma", "fwhm")), {"fwhm": FWHM}),
    Function("Moffat", "moffat", _ellipse(("I_0", "mag"), ("fwhm", "fwhm"), ("beta", "beta"))),
    Function(
        "Core-Sersic",
        "core_sersic",
        _ellipse(("n", "n"), ("I_b", "mag"), ("r_e", "r_eff"), ("r_b", "r_break"), ("alpha", "alpha"),
                 ("gamma", "gamma")),
        at="r_break",
    ),
    Function(
        "BrokenExponential",
        "broken_exponential",
        _ellipse(("I_0", "mag"), ("h1", "h_in"), ("h2", "h_out"), ("r_break", "r_break"),
                 ("alpha", "sharpness")),
    ),
    Function("GaussianRing", "ring", _ellipse(("A", "mag"), ("R_ring", "r_ring"), ("sigma_r", "width"))),
    Function(
        "ModifiedKing",
        "king",
        _ellipse(("I_0", "mag"), ("r_c", "r_c"), ("r_t", "r_t"), ("alpha", "alpha")),
    ),
    Function(
        "FerrersBar2D",
        "ferrer",
        _ellipse(("n", "alpha"), ("I_0", "mag"), ("a_bar", "r_out"), c0=True),
        held={"beta": 0.0},
    ),
    Function(
        "NukerLaw",
        "nuker",
        _ellipse(("I_b", "mag"), ("r_b", "r_break"), ("alpha", "alpha"), ("beta", "beta"),
                 ("gamma", "gamma")),
        at="r_break",
    ),
    Function(
        "EdgeOnDisk",
        "edge_on",
        {"PA": "pa", "L_0": "mag", "h": "r_s", "n": "n", "z_0": "h_z"},
        {"h_z": 2.0},
    ),
    Function(
        "ExponentialDisk3D",
        "exponential_disk_3d",
        {"PA": "pa", "inc": "inclination", "J_0": "mag", "h": "r_s", "n": "n_z", "z_0": "h_z"},
    ),
    Function("PointSource", "point", {"I_tot": "mag"}),
    Function("FlatSky", "flat_sky", {"I_sky": "level"}),
    Function("TiltedSkyPlane", "tilted_sky", {"I_0": "level", "m_x": "slope_x", "m_y": "slope_y"}),
)  # fmt: skip
FUNCTIONS = {function.name.lower(): function for function in _ALL}
"""imfit's functions by their names in lower case."""

THICK = Function(
    "EdgeOnDisk",
    "exponential_disk_3d",
    {"PA": "pa", "L_0": "mag", "h": "r_s", "n": "n_z", "z_0": "h_z"},
    held={"inclination": 90.0},
)
"""An edge-on disk whose vertical shape is not held at sech^2."""

KING2 = Function(
    "ModifiedKing2", "king", _ellipse(("I_0", "mag"), ("r_c", "r_c"), ("c", "r_t"), ("alpha", "alpha"))
)
"""A King profile by its concentration c = r_t / r_c."""

WRITTEN = {function.profile: function for function in reversed(_ALL)}
WRITTEN["sersic"], WRITTEN["exponential"] = FUNCTIONS["sersic"], FUNCTIONS["exponential"]
"""The function as which each of our profiles is written."""
