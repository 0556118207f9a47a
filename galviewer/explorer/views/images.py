"""Data, model and residual: three Bokeh figures on one zoom, filled by static/painter.js.

The server sends the galaxy's arrays once and the model image per move, as binary float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import param
from bokeh.models import (
    ColumnDataSource,
    CrosshairTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure

from galviewer.explorer import edits, ranges
from galviewer.explorer import stretch as display
from galviewer.explorer.component import Component, static
from galviewer.explorer.sky import compass, tangent_polynomial
from galviewer.explorer.state import State
from galviewer.explorer.theme import component_colour, theme

_TURN = np.append(np.linspace(0.0, 2 * np.pi, 97), np.nan)
_SHARED = ("stretch", "limits", "palette", "residual_mode", "show_mask", "show_ellipses", "dark")


class ImagePanels(Component):
    """Headers, menus and colour bars around the three figures."""

    data_figure = pn.custom.Child()
    model_figure = pn.custom.Child()
    residual_figure = pn.custom.Child()
    stretch = param.String("asinh")
    limits = param.String("sky")
    palette = param.String("magma")
    residual_mode = param.String("sigma")
    residual_limit = param.Number(5)
    show_mask = param.Boolean(True)
    show_ellipses = param.Boolean(True)
    dark = param.Boolean(True)
    meta = param.Dict({})
    palettes = param.Dict({})
    limit_names = param.Dict(display.LIMITS)
    mode_names = param.Dict(display.RESIDUAL_MODES)

    _esm = static("shared.js", "painter.js", "images.js")
    _stylesheets = [static("base.css", "images.css")]


class Images:
    """The image panels of one session.

    Parameters
    ----------
    state : State
        Watched for the galaxy, the scene and the display settings.
    session : str
        Suffix of the Bokeh models' names, by which the browser side finds them.
    """

    def __init__(self, state: State, session: str) -> None:
        self._state = state
        self._session = session
        self._galaxy: Any = None
        self.pixels = self._source("gv-pixels", image=[], sigma=[], inverse_sigma=[], mask=[])
        self.rendered = self._source("gv-rendered", model=[])
        self.ellipses = ColumnDataSource({"xs": [], "ys": [], "colour": []})
        self._x = Range1d(-0.5, 99.5, name=f"gv-x-{session}")
        self._y = Range1d(-0.5, 99.5, name=f"gv-y-{session}")
        self._cross = [Span(dimension=d, line_width=1, line_alpha=0.55) for d in ("width", "height")]
        sequential = self._mapper("gv-sequential", display.PALETTES[state.palette], 0.0)
        diverging = self._mapper("gv-diverging", display.DIVERGING["dark" if state.dark else "light"], -1.0)
        self._masks: list[Any] = []
        self._outlines: list[Any] = []
        shown_mask = self._shown("mask", np.uint8)
        self.figures = {
            "data": self._figure("data", sequential, shown_mask),
            "model": self._figure("model", sequential, None),
            "residual": self._figure("residual", diverging, shown_mask),
        }
        # Not drawn by any glyph: the painter finds them because a figure refers to them.
        self.figures["data"].tags = [self.pixels, self.rendered]
        palettes = display.PALETTES | display.DIVERGING
        shown = {name: getattr(state, name) for name in _SHARED}
        panes = {
            f"{name}_figure": pn.pane.Bokeh(f, sizing_mode="stretch_both") for name, f in self.figures.items()
        }
        self.view = ImagePanels(
            session=session, palettes=palettes, meta=_no_meta(), sizing_mode="stretch_width", **panes, **shown
        )
        self.view.param.watch(self._chosen, list(_SHARED[:-1]))
        state.param.watch(self._set, list(_SHARED))
        state.param.watch(self._show, ["scene"])
        self._set()
        self._show()

    # ---- building ------------------------------------------------------------------------------

    def _source(self, name: str, **columns: Any) -> ColumnDataSource:
        return ColumnDataSource(columns, name=f"{name}-{self._session}")

    def _shown(self, name: str, kind: Any = np.float32) -> ColumnDataSource:
        """A source that only the browser fills, and never sends back."""
        blank = {"image": [np.zeros((1, 1), kind)], "x": [-0.5], "y": [-0.5], "dw": [1], "dh": [1]}
        return ColumnDataSource(blank, name=f"gv-shown-{name}-{self._session}", syncable=False)

    def _mapper(self, name: str, palette: list[str], low: float) -> LinearColorMapper:
        return LinearColorMapper(
            palette=palette,
            low=low,
            high=1.0,
            nan_color="rgba(128,128,128,0.35)",
            name=f"{name}-{self._session}",
            syncable=False,
        )

    def _figure(self, name: str, mapper: LinearColorMapper, mask: ColumnDataSource | None) -> Any:
        wheel, pan = WheelZoomTool(zoom_on_axis=False), PanTool()
        shape = figure(
            x_range=self._x,
            y_range=self._y,
            tools=[wheel, pan],
            toolbar_location=None,
            sizing_mode="stretch_both",
            min_border=0,
            name=f"gv-figure-{name}-{self._session}",
            outline_line_color=None,
            background_fill_color=None,
            border_fill_color=None,
            min_width=50,
            min_height=50,
        )
        shape.toolbar.active_scroll = wheel
        shape.toolbar.active_drag = pan
        shape.axis.visible = False
        shape.grid.visible = False
        place = {"x": "x", "y": "y", "dw": "dw", "dh": "dh"}
        shape.image(image="image", source=self._shown(name), color_mapper=mapper, **place)
        if mask is not None:
            colours = LinearColorMapper(palette=["rgba(0,0,0,0)", "rgba(120,170,160,0.42)"], low=0, high=1)
            self._masks.append(shape.image(image="image", source=mask, color_mapper=colours, **place))
        if name != "residual":
            for width, colour, alpha in ((3.0, "#000000", 0.35), (1.6, "colour", 1.0)):
                line = shape.multi_line(
                    "xs", "ys", source=self.ellipses, line_width=width, line_color=colour, line_alpha=alpha
                )
                self._outlines.append(line)
        shape.add_tools(CrosshairTool(overlay=self._cross))
        return shape

    # ---- updating ------------------------------------------------------------------------------

    def _chosen(self, *events: Any) -> None:
        """A menu was used in the browser."""
        self._state.param.update(**{event.name: event.new for event in events})

    def _set(self, *_: Any) -> None:
        """Display settings, however they were changed."""
        state = self._state
        changed = {n: getattr(state, n) for n in _SHARED if getattr(self.view, n) != getattr(state, n)}
        if changed:
            self.view.param.update(**changed)
        for renderer in self._masks:
            renderer.visible = state.show_mask
        for renderer in self._outlines:
            renderer.visible = state.show_ellipses
        colours = theme(state.dark)
        for span in self._cross:
            span.line_color = colours.accent

    def _show(self, *_: Any) -> None:
        scene = self._state.scene
        if scene is None:
            return
        if scene.galaxy is not self._galaxy:
            self._galaxy = scene.galaxy
            self._show_galaxy()
        self.rendered.data = {"model": [scene.total]}
        self.ellipses.data = self._outline()

    def _show_galaxy(self) -> None:
        """Send what changes with the galaxy only."""
        scene = self._state.scene
        assert scene is not None  # called with a scene
        galaxy = scene.galaxy
        height, width = galaxy.image.shape
        self.view.meta = _meta(galaxy)
        side = max(height, width)
        self._x.update(start=(width - 1 - side) / 2, end=(width - 1 + side) / 2)
        self._y.update(start=(height - 1 - side) / 2, end=(height - 1 + side) / 2)
        # The model goes first: the painter starts on the pixels, and needs both.
        self.rendered.data = {"model": [scene.total]}
        self.pixels.data = {
            "image": [galaxy.image.astype(np.float32)],
            "sigma": [galaxy.sigma.astype(np.float32)],
            "inverse_sigma": [(1.0 / galaxy.sigma).astype(np.float32)],
            "mask": [galaxy.mask.astype(np.uint8)],
        }

    def _outline(self) -> dict[str, list[Any]]:
        """Half-light ellipses of all components that have a size."""
        state = self._state
        found: dict[str, list[Any]] = {"xs": [], "ys": [], "colour": []}
        for k, component in enumerate(state.model.components):
            shape = edits.ellipse(state.model, state.values, component.name)
            if shape is None:
                continue
            xs, ys = outline(**shape)
            found["xs"].append(xs)
            found["ys"].append(ys)
            found["colour"].append(component_colour(k))
        return found


def outline(
    x: float, y: float, size: float, q: float, pa: float, boxiness: float
) -> tuple[np.ndarray, np.ndarray]:
    """Points of a generalised ellipse; a small cross where the size is zero.

    Returns
    -------
    xs, ys : ndarray, (N,)
        Pixel; nan where the line is broken.
    """
    if size <= 0:
        arm = np.array([-2.5, 2.5, np.nan])
        return x + np.append(arm, 0 * arm), y + np.append(0 * arm, arm)
    power = 2.0 / (boxiness + 2.0)
    along = size * np.sign(np.cos(_TURN)) * np.abs(np.cos(_TURN)) ** power
    across = size * q * np.sign(np.sin(_TURN)) * np.abs(np.sin(_TURN)) ** power
    sine, cosine = np.sin(np.radians(pa)), np.cos(np.radians(pa))
    return x - along * sine + across * cosine, y + along * cosine + across * sine


def _meta(galaxy: Any) -> dict[str, Any]:
    """What the browser must know of a galaxy besides its arrays."""
    return {
        "shape": list(galaxy.image.shape),
        "limits": {name: list(pair) for name, pair in display.limits(galaxy.image, galaxy.mask).items()},
        "noise": ranges.noise(galaxy),
        "pixel_scale": galaxy.pixel_scale,
        "unit": "image unit per pixel",
        "wcs": tangent_polynomial(galaxy.wcs, galaxy.image.shape),
        "compass": compass(galaxy.wcs, galaxy.image.shape),
    }


def _no_meta() -> dict[str, Any]:
    return {
        "shape": [100, 100],
        "limits": {name: [0.0, 1.0] for name in display.LIMITS},
        "noise": 1.0,
        "pixel_scale": None,
        "unit": "",
        "wcs": None,
        "compass": None,
    }
