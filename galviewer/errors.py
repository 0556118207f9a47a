"""What goes wrong, in one sentence: whose, what arrived, what was expected, what to do."""

from __future__ import annotations


class GalviewerError(Exception):
    """A problem the user can mend.

    Parameters
    ----------
    whose : str
        The galaxy, file, setting or component concerned.
    what : str
        What arrived.
    expected : str, optional
        What was expected instead.
    remedy : str, optional
        What to do about it.
    """

    def __init__(self, whose: str, what: str, expected: str = "", remedy: str = "") -> None:
        self.whose, self.what, self.expected, self.remedy = whose, what, expected, remedy
        super().__init__(whose, what, expected, remedy)

    def __str__(self) -> str:
        sentence = f"{self.whose}: {self.what}"
        if self.expected:
            sentence += f"; expected {self.expected}"
        if self.remedy:
            sentence += f"; {self.remedy}"
        return sentence


class InputError(GalviewerError):
    """A galaxy's file or array cannot be used."""


class SettingsError(GalviewerError):
    """A setting given by the user makes no sense."""


class ModelError(GalviewerError):
    """A model description (component, parameter, tie, TOML) makes no sense."""


class RunError(GalviewerError):
    """A run directory cannot be read, written or resumed."""
