"""The profiles known by name: those shipped here and those a user registers."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

from galviewer.errors import ModelError
from galviewer.profiles.broken_exponential import BROKEN_EXPONENTIAL
from galviewer.profiles.checks import check
from galviewer.profiles.core_sersic import CORE_SERSIC
from galviewer.profiles.de_vaucouleurs import DE_VAUCOULEURS
from galviewer.profiles.declaration import Profile
from galviewer.profiles.edge_on import EDGE_ON
from galviewer.profiles.ferrer import FERRER
from galviewer.profiles.gaussian import GAUSSIAN, MOFFAT
from galviewer.profiles.king import KING
from galviewer.profiles.line_of_sight import EXPONENTIAL_DISK_3D
from galviewer.profiles.mge import MGE
from galviewer.profiles.modifiers import MODIFIERS
from galviewer.profiles.nuker import NUKER
from galviewer.profiles.ring import RING
from galviewer.profiles.sersic import EXPONENTIAL, SERSIC
from galviewer.profiles.sky import FLAT_SKY, POINT, TILTED_SKY

_profiles: dict[str, Profile] = {
    profile.name: profile
    for profile in (
        SERSIC,
        EXPONENTIAL,
        DE_VAUCOULEURS,
        GAUSSIAN,
        MOFFAT,
        FERRER,
        KING,
        BROKEN_EXPONENTIAL,
        CORE_SERSIC,
        NUKER,
        RING,
        MGE,
        EDGE_ON,
        EXPONENTIAL_DISK_3D,
        POINT,
        FLAT_SKY,
        TILTED_SKY,
    )
}

_modified: dict[tuple[str, tuple[str, ...]], tuple[Profile, Profile]] = {}
_STAGES = {"elliptical": ("plane", "axes", "radius", "cutoff"), "planar": ("plane", "axes")}


def names() -> tuple[str, ...]:
    """Names of all profiles known at present."""
    return tuple(_profiles)


def shipped_names() -> tuple[str, ...]:
    """Names of the profiles that come with galviewer, without those that users registered."""
    return tuple(name for name in _profiles if name in _SHIPPED)


def get(name: str, modifiers: tuple[str, ...] = ()) -> Profile:
    """The profile of that name, with modifiers; the same object for the same request.

    Raises
    ------
    ModelError
        If no profile or modifier has that name, or they do not go together.
    """
    if name not in _profiles:
        raise ModelError(
            f"profile {name!r}",
            "not known",
            "one of " + ", ".join(_profiles),
            "or load the file that registers it",
        )
    profile = _profiles[name]
    if not modifiers:
        return profile
    key = (name, tuple(modifiers))
    known = _modified.get(key)
    if known is None or known[0] is not profile:
        known = _modified[key] = (profile, _modify(profile, key[1]))
    return known[1]


def modifier_names(kind: str = "elliptical") -> tuple[str, ...]:
    """Names of all modifiers that profiles of that kind can take."""
    return tuple(name for name, modifier in MODIFIERS.items() if modifier.stage in _STAGES.get(kind, ()))


def _modify(profile: Profile, modifiers: tuple[str, ...]) -> Profile:
    """The profile with the modifiers' parameters after its own."""
    whose, possible = f"profile {profile.name!r}", modifier_names(profile.kind)
    added = []
    for name in modifiers:
        if name not in possible:
            raise ModelError(whose, f"modifier {name!r}", "one of " + (", ".join(possible) or "none"))
        added.append(MODIFIERS[name])
    parameters = (*profile.parameters, *(p for modifier in added for p in modifier.parameters))
    names = [p.name for p in parameters]
    repeated = sorted({p for p in names if names.count(p) > 1})
    if repeated:
        raise ModelError(
            whose, f"modifiers {', '.join(modifiers)} repeat {', '.join(repeated)}", "each name once"
        )
    return replace(profile, parameters=parameters, modifiers=tuple(added))


def register(profile: Profile) -> Profile:
    """Make a user's profile known by its name; returns it.

    Raises
    ------
    ModelError
        If the name belongs to a shipped profile, a name is unusable or repeated, or the brightness is
        missing, fails, is not elementwise or, for a sky, not linear in its parameters.
    """
    if profile.name in _SHIPPED and _profiles[profile.name] != profile:
        raise ModelError(f"profile {profile.name!r}", "is the name of a shipped profile", "a name of its own")
    check(profile)
    _profiles[profile.name] = profile
    return profile


def load_user_profiles(path: str | Path) -> tuple[str, ...]:
    """Run a user's Python file that registers profiles; returns the names it added.

    Raises
    ------
    ModelError
        If the file is missing or fails.
    """
    file = Path(path)
    spec = importlib.util.spec_from_file_location(f"galviewer_user_{file.stem}", file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ModelError(str(file), "cannot be read", "a Python file that calls galviewer.profiles.register")
    before = set(_profiles)
    try:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(str(file), f"failed: {error!r}", "a Python file that registers profiles") from error
    return tuple(name for name in _profiles if name not in before)


_SHIPPED = frozenset(_profiles)
