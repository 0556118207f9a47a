"""The profiles known by name: those shipped here and those a user registers."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from galviewer.errors import ModelError
from galviewer.profiles.declaration import Profile
from galviewer.profiles.gaussian import GAUSSIAN, MOFFAT
from galviewer.profiles.sersic import EXPONENTIAL, SERSIC
from galviewer.profiles.sky import FLAT_SKY, POINT, TILTED_SKY

_profiles: dict[str, Profile] = {
    profile.name: profile for profile in (SERSIC, EXPONENTIAL, GAUSSIAN, MOFFAT, POINT, FLAT_SKY, TILTED_SKY)
}


def names() -> tuple[str, ...]:
    """Names of all profiles known at present."""
    return tuple(_profiles)


def get(name: str, modifiers: tuple[str, ...] = ()) -> Profile:
    """The profile of that name, with modifiers.

    Raises
    ------
    ModelError
        If no profile has that name.
    """
    if modifiers:
        raise ModelError(f"profile {name!r}", f"modifiers {modifiers}", "none")
    try:
        return _profiles[name]
    except KeyError:
        raise ModelError(
            f"profile {name!r}",
            "not known",
            "one of " + ", ".join(_profiles),
            "or load the file that registers it",
        ) from None


def register(profile: Profile) -> Profile:
    """Make a user's profile known by its name; returns it.

    Raises
    ------
    ModelError
        If an elliptical profile has no brightness function, or the name belongs to another profile.
    """
    if profile.kind == "elliptical" and profile.brightness is None:
        raise ModelError(f"profile {profile.name!r}", "has no brightness function", "brightness(r, *shape)")
    if profile.name in _SHIPPED and _profiles[profile.name] != profile:
        raise ModelError(f"profile {profile.name!r}", "is the name of a shipped profile", "a name of its own")
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
