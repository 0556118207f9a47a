"""One finding about the input, as shown by ``galviewer check``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from galviewer.errors import InputError

Severity = Literal["error", "repaired", "note"]


@dataclass(frozen=True)
class Problem:
    """Whose input has which problem, and what to do about it.

    Parameters
    ----------
    whose : str
        Galaxy or file.
    severity : {"error", "repaired", "note"}
        error: not usable; repaired: changed so that it can be used (flag ``input_repaired``);
        note: usable as it is, but worth knowing.
    what, expected, remedy : str
        What arrived, what was expected instead, what to do.
    """

    whose: str
    severity: Severity
    what: str
    expected: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        return str(InputError(self.whose, self.what, self.expected, self.remedy))

    @classmethod
    def from_error(cls, error: InputError) -> Problem:
        """The same statement as an error raised while reading."""
        return cls(error.whose, "error", error.what, error.expected, error.remedy)


@dataclass
class Findings:
    """Collects the problems of one galaxy while it is read."""

    whose: str
    problems: list[Problem]

    def note(self, what: str, expected: str = "", remedy: str = "") -> None:
        """Add something worth knowing."""
        self.problems.append(Problem(self.whose, "note", what, expected, remedy))

    def repaired(self, what: str, expected: str = "", remedy: str = "") -> None:
        """Add something that was changed."""
        self.problems.append(Problem(self.whose, "repaired", what, expected, remedy))

    def error(self, what: str, expected: str = "", remedy: str = "") -> InputError:
        """An exception about this galaxy, to be raised by the caller."""
        return InputError(self.whose, what, expected, remedy)
