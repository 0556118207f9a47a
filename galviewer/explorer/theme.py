"""Colours and type of the Bokeh figures, for the light and the dark theme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

FONT = "Inter, SF Pro Text, Segoe UI, Helvetica Neue, Liberation Sans, Arial, sans-serif"

COMPONENT_COLOURS: tuple[str, ...] = (
    "#e8743b",
    "#22b09a",
    "#b477e8",
    "#dba826",
    "#e0609a",
    "#7fae3c",
    "#c2855a",
    "#8794a3",
)
"""One per component, in the model's order, legible on both themes."""


def component_colour(index: int) -> str:
    """Colour of the component at that place."""
    return COMPONENT_COLOURS[index % len(COMPONENT_COLOURS)]


@dataclass(frozen=True)
class Theme:
    """Figure colours.

    Parameters
    ----------
    background, text, dim, line, grid, accent, well : str
        CSS colours.
    """

    background: str
    text: str
    dim: str
    line: str
    grid: str
    accent: str
    well: str


LIGHT = Theme("#ffffff", "#1b2027", "#5b6470", "#c3c9d1", "#eef0f3", "#2563c9", "#eef0f3")
DARK = Theme("#13171e", "#e4e8ee", "#9aa4b2", "#3a4452", "#1d232c", "#6aa5ff", "#1a1f27")


def theme(dark: bool) -> Theme:
    """The dark or the light theme."""
    return DARK if dark else LIGHT


def dress(figure: Any, colours: Theme) -> None:
    """Give a Bokeh figure the theme's colours."""
    # Transparent: the panel behind it has the colour, and no edge of a former theme stays on the canvas.
    figure.background_fill_color = None
    figure.border_fill_color = None
    figure.outline_line_color = colours.line
    for axis in figure.axis:
        axis.axis_line_color = None
        axis.major_tick_line_color = colours.line
        axis.minor_tick_line_color = None
        axis.major_label_text_color = colours.dim
        axis.axis_label_text_color = colours.text
    for grid in figure.grid:
        grid.grid_line_color = colours.grid


def set_type(figure: Any) -> None:
    """Fonts and tick lengths, once per figure."""
    for axis in figure.axis:
        axis.major_label_text_font = FONT
        axis.major_label_text_font_size = "11px"
        axis.axis_label_text_font = FONT
        axis.axis_label_text_font_size = "11.5px"
        axis.axis_label_text_font_style = "normal"
        axis.major_tick_in = 0
        axis.major_tick_out = 4
        axis.axis_label_standoff = 6
        axis.major_label_standoff = 4
