"""Profiles: how brightness depends on radius. One file per family, pure tensor functions.

declaration   what a profile is; normalisation and derivatives for those without closed forms
modifiers     Fourier and bending modes, truncation, spiral rotation of any elliptical profile
registry      look up by name, register one's own, load a user's file
checks        what a user's profile must keep
quadrature    integrals over radius of profiles that bend or end somewhere
sersic        Sérsic, exponential disk; beside it de_vaucouleurs and core_sersic
gaussian      Gaussian, Moffat; beside them mge (six Gaussians) and ring
ferrer, king, broken_exponential, nuker
              one family each
edge_on       edge-on disk, a function of both coordinates
line_of_sight emissivities in space, integrated along the line of sight
sky           point source, flat sky, tilted sky
"""

from galviewer.profiles.declaration import (
    BOXINESS,
    MAG,
    PA,
    R_EFF,
    Modifier,
    Profile,
    ProfileParameter,
    Q,
    X,
    Y,
    size_of,
    slopes_of,
    total,
    total_slopes,
    with_derivatives,
)
from galviewer.profiles.line_of_sight import line_of_sight
from galviewer.profiles.modifiers import MODIFIERS
from galviewer.profiles.registry import (
    get,
    load_user_profiles,
    modifier_names,
    names,
    register,
    shipped_names,
)
from galviewer.profiles.sky import sky_basis

__all__ = [
    "BOXINESS",
    "MAG",
    "MODIFIERS",
    "PA",
    "R_EFF",
    "Modifier",
    "Profile",
    "ProfileParameter",
    "Q",
    "X",
    "Y",
    "get",
    "line_of_sight",
    "load_user_profiles",
    "modifier_names",
    "names",
    "register",
    "shipped_names",
    "size_of",
    "sky_basis",
    "slopes_of",
    "total",
    "total_slopes",
    "with_derivatives",
]
