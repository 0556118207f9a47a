"""What a file of another program says and a model cannot: named, kept, never dropped."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Leftover:
    """Lines of a file that the model does not hold.

    Parameters
    ----------
    text : str
        The lines as they stand in the file.
    reason : str
        Why they are not in the model.
    place : str
        Where they are written back: "control" (among the control parameters), "C" or "D" (at the end of that
        one), "object" (as one), "object NAME" (in that of a component), "brightness NAME" (as its number 3),
        "limits NAME.mag" and "options NAME" (in imfit's function), "function", "prelude" (likewise),
        "constraints" (in that file), or "told" (nowhere).
    line : int
        Line number in the file, counted from 1; 0 where unknown. Not compared.
    """

    text: str
    reason: str
    place: str = "told"
    line: int = field(default=0, compare=False)

    def __str__(self) -> str:
        where = f"line {self.line}" if self.line else "in the file"
        if self.place == "constraints":
            where = f"constraints {where}"
        return f"{where}: '{self.text.splitlines()[0].strip()}': {self.reason}"
