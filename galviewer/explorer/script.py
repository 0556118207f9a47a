"""The screen's model and values as text to paste elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from galviewer.model import to_toml

if TYPE_CHECKING:
    from galviewer.explorer.state import State


def as_python(state: State) -> str:
    """A script that fits the galaxy on screen from the present values."""
    starts = ",\n".join(
        f"    {column!r}: {value:.6g}"
        for column, value in zip(state.model.columns, state.values, strict=True)
    )
    folder = str(state.source.folder) if state.source.folder else "FOLDER"
    return "\n".join(
        [
            "import numpy as np",
            "from galviewer import model, survey",
            "from galviewer.run.single import Workbench",
            "",
            f"folder, name = {folder!r}, {state.name!r}",
            "entry = next(entry for entry in survey.scan(folder).entries if entry.name == name)",
            "galaxy = survey.read(entry, survey.SurveySettings())",
            f'shape = model.from_toml("""\n{to_toml(state.model)}""")',
            f"starts = {{\n{starts},\n}}",
            "fit = Workbench(galaxy, shape).fit(np.array([starts[column] for column in shape.columns]))",
            "",
        ]
    )
