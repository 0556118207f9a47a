"""Profiles: how brightness depends on radius. One file per family, pure tensor functions.

declaration   what a profile is; normalisation and derivatives for those without closed forms
registry      look up by name, register one's own, load a user's file
sersic        Sérsic, exponential disk
gaussian      Gaussian, Moffat
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
