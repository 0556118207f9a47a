"""Packages of the extra ``science``, loaded when they are asked for."""

from __future__ import annotations

import importlib
from types import ModuleType

from galviewer.errors import SettingsError


def load(module: str, package: str, purpose: str) -> ModuleType:
    """Import an optional package.

    Parameters
    ----------
    module, package : str
        What is imported, and what it is called where it is installed from.
    purpose : str
        What needs it, for the message.

    Raises
    ------
    SettingsError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise SettingsError(
            purpose, f"needs {package}, which is not installed", "the extra 'science'",
            "pip install 'galviewer[science]'",
        ) from error  # fmt: skip
