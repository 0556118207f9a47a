"""Profiles: how brightness depends on radius. One file per family, pure tensor functions.

declaration   what a profile is; normalisation and derivatives for those without closed forms
registry      look up by name, register one's own, load a user's file
quadrature    integrals over radius of profiles that bend or end somewhere
sersic        Sérsic, exponential disk; beside it de_vaucouleurs and core_sersic
gaussian      Gaussian, Moffat; beside them mge (six Gaussians) and ring
ferrer, king, broken_exponential, nuker
              one family each
sky           point source, flat sky, tilted sky
"""

from galviewer.profiles.declaration import (
    BOXINESS,
    MAG,
    PA,
    R_EFF,
    Profile,
    ProfileParameter,
    Q,
    X,
    Y,
    total,
    total_slopes,
    with_derivatives,
)
from galviewer.profiles.registry import get, load_user_profiles, names, register

__all__ = [
    "BOXINESS",
    "MAG",
    "PA",
    "R_EFF",
    "Profile",
    "ProfileParameter",
    "Q",
    "X",
    "Y",
    "get",
    "load_user_profiles",
    "names",
    "register",
    "total",
    "total_slopes",
    "with_derivatives",
]
