"""Radial profile, residual strip and histogram: three Bokeh figures, patched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import panel as pn
import param
from bokeh.models import BoxAnnotation, ColumnDataSource, FixedTicker, LinearAxis, Range1d, Span
from bokeh.plotting import figure

from galviewer.explorer import theme
from galviewer.explorer.component import Component, static
from galviewer.explorer.state import State
from galviewer.products.curves import HISTOGRAM_EDGES, Curves, radius_ticks, scaled

_LEFT, _RIGHT = 62, 8
_UNIT = np.linspace(-6, 6, 121)


class ProfilePanels(Component):
    """Headers and places of the three figures."""

    figure = pn.custom.Child()
    strip = pn.custom.Child()
    histogram = pn.custom.Child()
    brightness = param.String("mag")
    radius_scale = param.String("linear")
    legend = param.List([])
    moments = param.List([])

    _esm = static("shared.js", "profile.js")
    _stylesheets = [static("base.css", "profile.css")]


class ProfileView:
    """The radial profile of one session.

    Parameters
    ----------
    state : State
        Watched for the scene and the scales.
    session : str
        Suffix of model names.
    """

    def __init__(self, state: State, session: str) -> None:
        self._state = state
        self._framed: Any = None
        empty = {"r": [], "y": [], "low": [], "high": []}
        self.points = ColumnDataSource(empty)
        self.residual = ColumnDataSource(empty)
        self.total = ColumnDataSource({"r": [], "y": []})
        self.parts = ColumnDataSource({"r": [], "y": [], "colour": []})
        self.bars = ColumnDataSource({"x": HISTOGRAM_EDGES, "top": np.zeros(len(HISTOGRAM_EDGES))})
        self._x = Range1d(0, 1)
        self._sky = Span(dimension="width", location=0, line_dash="dashed", line_width=1.2)
        self._psf = [BoxAnnotation(left=None, right=0, fill_alpha=0.07, line_color=None) for _ in range(2)]
        # Tickers stay, their ticks change: a new model in a property makes Bokeh walk through the document.
        self._pixel_ticks, self._arcsec_ticks = FixedTicker(ticks=[]), FixedTicker(ticks=[])
        self._strip_ticks = FixedTicker(ticks=[])
        self._arcsec = LinearAxis(ticker=self._arcsec_ticks)
        self.figure = self._profile()
        self.strip = self._strip()
        self.histogram = self._histogram()
        for shape in (self.figure, self.strip, self.histogram):
            theme.set_type(shape)
        panes = {
            n: pn.pane.Bokeh(getattr(self, n), sizing_mode="stretch_both")
            for n in ("figure", "strip", "histogram")
        }
        self.view = ProfilePanels(
            session=session,
            sizing_mode="stretch_both",
            brightness=state.brightness,
            radius_scale=state.radius_scale,
            **panes,
        )
        self.view.param.watch(self._chosen, ["brightness", "radius_scale"])
        state.param.watch(self._show, ["scene", "brightness", "radius_scale"])
        state.param.watch(self._dress, ["dark"])
        self._dress()
        self._show()

    # ---- building ------------------------------------------------------------------------------

    def _plain(self, **settings: Any) -> Any:
        shape = figure(
            tools="",
            toolbar_location=None,
            sizing_mode="stretch_both",
            min_height=40,
            min_width=60,
            **settings,
        )
        shape.min_border_left, shape.min_border_right = _LEFT, _RIGHT
        return shape

    def _profile(self) -> Any:
        shape = self._plain(x_range=self._x, y_range=Range1d(0, 1), min_border_top=4, min_border_bottom=2)
        shape.xaxis.visible = False
        shape.add_layout(self._arcsec, "above")
        shape.add_layout(self._psf[0])
        shape.add_layout(self._sky)
        shape.multi_line("r", "y", source=self.parts, line_color="colour", line_width=1.8)
        self._total_line = shape.line("r", "y", source=self.total, line_width=2.2)
        self._data = self._error_points(shape, self.points)
        return shape

    def _strip(self) -> Any:
        shape = self._plain(x_range=self._x, y_range=Range1d(-1, 1), min_border_top=4, min_border_bottom=44)
        shape.add_layout(self._psf[1])
        self._zero = Span(dimension="width", location=0, line_width=1.2)
        shape.add_layout(self._zero)
        self._deviations = self._error_points(shape, self.residual)
        shape.xaxis.axis_label = "semi-major radius  (pixel)"
        for axis in (shape.xaxis[0], shape.xgrid[0], self.figure.xgrid[0]):
            axis.ticker = self._pixel_ticks
        shape.yaxis.ticker = shape.ygrid.ticker = self._strip_ticks
        return shape

    def _error_points(self, shape: Any, source: ColumnDataSource) -> list[Any]:
        bars = shape.segment("r", "low", "r", "high", source=source, line_width=1.1)
        return [bars, shape.scatter("r", "y", source=source, size=4.6, line_color=None)]

    def _histogram(self) -> Any:
        shape = self._plain(
            x_range=Range1d(-5.2, 5.2), y_range=Range1d(0, 0.5), min_border_top=4, min_border_bottom=44
        )
        shape.min_border_left = 12
        self._blocks = shape.varea_step("x", 0, "top", source=self.bars, step_mode="after", fill_alpha=0.5)
        normal = np.exp(-0.5 * _UNIT**2) / math.sqrt(2 * math.pi)
        self._bell = shape.line(_UNIT, normal, line_width=1.6)
        shape.yaxis.visible = False
        shape.ygrid.visible = False
        shape.xaxis.axis_label = "(data − model)/σ"
        shape.xaxis.ticker = FixedTicker(ticks=[-4, -2, 0, 2, 4])
        return shape

    def _dress(self, *_: Any) -> None:
        colours = theme.theme(self._state.dark)
        for shape in (self.figure, self.strip, self.histogram):
            theme.dress(shape, colours)
        for bars, dots in (self._data, self._deviations):
            bars.glyph.line_color = colours.dim
            dots.glyph.fill_color = colours.text
        self._total_line.glyph.line_color = colours.accent
        self._sky.line_color = self._zero.line_color = colours.dim
        self._blocks.glyph.fill_color = colours.accent
        self._bell.glyph.line_color = colours.text
        for box in self._psf:
            box.fill_color = colours.text
        self._framed = None
        self._show()

    # ---- updating ------------------------------------------------------------------------------

    def _chosen(self, *events: Any) -> None:
        self._state.param.update(**{event.name: event.new for event in events})

    def _show(self, *_: Any) -> None:
        scene, state = self._state.scene, self._state
        if scene is None:
            return
        curves = Curves.of(scene, state.brightness, state.radius_scale)
        key = (id(scene.galaxy), state.brightness, state.radius_scale, id(state.result), state.model.columns)
        if key != self._framed:
            self._framed = key
            self.view.moments = [curves.mean, curves.spread]
            self._frame(curves)
        self.points.data = curves.points
        self.total.data = curves.total
        self.parts.data = {
            "r": [curves.r] * len(curves.parts),
            "y": [y for _, y in curves.parts],
            "colour": [theme.component_colour(k) for k, _ in curves.parts],
        }
        self.residual.data = curves.residual
        self.bars.data = {"x": HISTOGRAM_EDGES, "top": np.append(curves.histogram, 0.0)}
        if math.isfinite(curves.sky):
            self._sky.location = curves.sky
        self._sky.visible = math.isfinite(curves.sky)
        # A message, not a parameter: setting one walks through every model of the page.
        self.view._send_msg({"moments": [curves.mean, curves.spread]})

    def _frame(self, curves: Curves) -> None:
        """Axis ranges, ticks and labels; left alone while sliders move."""
        state = self._state
        scene = state.scene
        assert scene is not None  # callers have one
        low, high = curves.range
        self.figure.y_range.update(start=low, end=high)
        self.strip.y_range.update(start=-curves.residual_range, end=curves.residual_range)
        # Every range is a round number and a fifth.
        self._strip_ticks.ticks = [float(f"{k * curves.residual_range / 1.2:.3g}") for k in (-1, 0, 1)]
        unit, scale = scene.galaxy, scene.galaxy.pixel_scale
        self.figure.yaxis.axis_label = curves.label(unit)
        self.strip.yaxis.axis_label = curves.residual_label
        reach = curves.reach
        inner = 0.0 if state.radius_scale == "linear" else 0.3
        self.histogram.y_range.end = max(0.5, 1.08 * float(curves.histogram.max(initial=0.0)))
        self._x.update(
            start=float(scaled(inner, state.radius_scale)),
            end=float(scaled(reach * 1.03, state.radius_scale)),
        )
        ticks = radius_ticks(inner, reach, state.radius_scale)
        self._set_ticks(self.strip.xaxis[0], self._pixel_ticks, ticks, 1.0)
        self._arcsec.visible = scale is not None
        if scale is not None:
            self._set_ticks(
                self._arcsec,
                self._arcsec_ticks,
                radius_ticks(inner * scale, reach * scale, state.radius_scale),
                scale,
                "″",
            )
        half = curves.psf_half_width
        for box in self._psf:
            box.visible = math.isfinite(half)
            if math.isfinite(half):
                box.right = float(scaled(half, state.radius_scale))
        self.view.legend = self._legend(curves)

    def _set_ticks(
        self, axis: Any, ticker: FixedTicker, values: list[float], scale: float, unit: str = ""
    ) -> None:
        places = [float(scaled(v / scale, self._state.radius_scale)) for v in values]
        ticker.ticks = places
        axis.major_label_overrides = {p: f"{v:g}{unit}" for p, v in zip(places, values, strict=True)}

    def _legend(self, curves: Curves) -> list[list[str]]:
        colours = theme.theme(self._state.dark)
        names = [c.name for c in self._state.model.components]
        entries = [["data", "", "points"], ["model", colours.accent, "line"]]
        if len(curves.parts) > 1:
            entries += [[names[k], theme.component_colour(k), "line"] for k, _ in curves.parts]
        if math.isfinite(curves.sky):
            entries.append(["sky", colours.dim, "dashed"])
        if math.isfinite(curves.psf_half_width):
            entries.append(["½ PSF fwhm", colours.dim, "block"])
        return entries
