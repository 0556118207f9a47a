"""A fit as one figure for a paper: images, components, residual, radial profile, histogram of residuals.

matplotlib (extra ``science``) is loaded here and only when a figure is asked for; nothing of pyplot's global
state is used, so figures can be made in any thread. `galviewer.products.panels` draws the images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.errors import GalviewerError, SettingsError
from galviewer.products import panels
from galviewer.products.curves import HISTOGRAM_EDGES, Curves, radius_ticks, scaled
from galviewer.products.files import replacing
from galviewer.products.fitted import GalaxyFit
from galviewer.products.scene import Scene, ellipse
from galviewer.survey.files import quiet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("pdf", "png", "svg", "eps")
"""Suffixes that `figure` writes."""

RADII = ("linear", "log", "quarter")
"""How the radial profile's axis runs: itself, its logarithm, its fourth root."""

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#6f6f6f")
"""One per component: Okabe and Ito's palette, told apart by colour-blind readers."""

DASHES: tuple[Any, ...] = ((4, 1.5), (1.2, 1.2), (6, 1.5, 1.2, 1.5), (8, 2), (3, 1, 1, 1, 1, 1), (2, 2))
"""One per component too, for prints without colour."""

WIDTH = 7.1
"""Inches: both columns of a journal's page."""

_MARGIN, _GAP = 0.52, 0.07
_PLOT = 2.05
_CONCENTRIC = 4.0
"""Distance (pixel) from the centre up to which a component is drawn in the radial profile."""
_RC = {
    "font.size": 7.5,
    "axes.linewidth": 0.6,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.8,
    "ytick.labelsize": 6.8,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 6.8,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "hatch.linewidth": 0.4,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "axes.unicode_minus": True,
}
_OTHER_SCRIPTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "Arial Unicode MS")


def figure(
    fit: GalaxyFit,
    paths: str | Path | Sequence[str | Path] = (),
    *,
    radius: str = "linear",
    title: str | None = None,
    dpi: int = 250,
) -> Figure:
    """Draw a fit: data, model, residual, each component, radial profile, histogram of residuals.

    Parameters
    ----------
    fit : GalaxyFit
        With its images, as `fit_galaxies` and the blocks of a run give it.
    paths : path or sequence of paths
        Files to write; the suffix says the format. PDF, SVG and EPS are vectors with the images' own pixels.
    radius : str
        One of `RADII`.
    title : str, optional
        By default the galaxy's name and model; "" leaves it out.
    dpi : int
        Of a PNG.

    Returns
    -------
    matplotlib.figure.Figure
        7.1 inches wide, for both columns of a page; lengths in arcsec where the scale is known, else pixels.

    Raises
    ------
    GalviewerError
        If the fit has no images, or matplotlib is missing.
    SettingsError
        If a suffix or `radius` is not known.
    """
    wanted = [Path(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    _check(fit, wanted, radius)
    matplotlib = _matplotlib()
    scene = Scene.of(fit.galaxy, fit.model, fit.parameters, _planes(fit))
    curves = Curves.of(scene, "mag", radius)
    # One figure at a time, and silence about the glyphs of a name in a script that no font has.
    with quiet(), matplotlib.rc_context(_RC | {"font.family": _families()}):
        drawn = _draw(fit, scene, curves, radius, title)
        for path in wanted:
            kind = path.suffix[1:].lower()
            with replacing(path) as partial:
                drawn.savefig(partial, format=kind, dpi=dpi, metadata=_metadata(kind))
    return drawn


def _check(fit: GalaxyFit, paths: list[Path], radius: str) -> None:
    for path in paths:
        if path.suffix[1:].lower() not in FORMATS:
            raise SettingsError(
                str(path), f"has the suffix {path.suffix!r}", "one of ." + ", .".join(FORMATS)
            )
    if radius not in RADII:
        raise SettingsError("radius", repr(radius), "one of " + ", ".join(RADII))
    if fit.model_image is None or not np.isfinite(fit.model_image).all():
        raise GalviewerError(
            fit.name, "has no model image", "a fit with its images", fit.message or "fit it with images=True"
        )


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError as error:
        raise GalviewerError(
            "matplotlib", "is not installed", "it for figures", 'pip install "galviewer[science]"'
        ) from error
    return matplotlib


def _planes(fit: GalaxyFit) -> np.ndarray:
    """One image per component, (C, H, W)."""
    if fit.component_images is not None:
        return np.asarray(fit.component_images, dtype=np.float32)
    if len(fit.model.components) == 1:
        return np.asarray(fit.model_image, dtype=np.float32)[None]
    raise GalviewerError(fit.name, "has no images of its components", "a fit with its images")


def _families() -> list[str]:
    """Fonts for Latin and Greek, then for other scripts where they are installed."""
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in there)]


def _metadata(kind: str) -> dict[str, Any] | None:
    """No date and no host: the same fit gives the same file."""
    if kind == "png":
        return {"Software": "galviewer"}
    if kind in ("pdf", "eps"):
        return {"Creator": "galviewer", **({"CreationDate": None} if kind == "pdf" else {})}
    return {"Creator": "galviewer", "Date": None}


def _draw(fit: GalaxyFit, scene: Scene, curves: Curves, radius: str, title: str | None) -> Figure:
    """Images on top, profile and histogram below; every length in inches from the top."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plate = panels.Plate.of(scene, COLOURS)
    side, rows = plate.layout(WIDTH - _MARGIN - 0.12, _GAP)
    head = 0.24 if title != "" else 0.04
    top = head + 0.46
    images = rows * side[1] + (rows - 1) * _GAP
    height = top + images + 0.5 + _PLOT + 0.42
    drawn = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(drawn)

    def axes(left: float, from_top: float, width: float, tall: float, **more: Any) -> Axes:
        box = (left / WIDTH, 1 - (from_top + tall) / height, width / WIDTH, tall / height)
        return drawn.add_axes(box, **more)

    plate.draw(axes, _MARGIN, top, _GAP)
    below = top + images + 0.5
    wide = 4.15
    profile = axes(_MARGIN, below, wide, _PLOT - 0.5)
    strip = axes(_MARGIN, below + _PLOT - 0.5, wide, 0.5)
    _profile(profile, scene, curves, radius)
    _strip(strip, scene, curves, radius)
    left = _MARGIN + wide + 0.52
    _histogram(axes(left, below, WIDTH - left - 0.12, _PLOT), fit, curves)
    if title != "":
        words = title or f"{fit.name}   {fit.model.name}".rstrip()
        drawn.text(
            _MARGIN / WIDTH, 1 - 0.06 / height, words, va="top", fontsize=9, weight="bold", parse_math=False
        )
    return drawn


def _profile(ax: Axes, scene: Scene, curves: Curves, radius: str) -> None:
    """Surface brightness along the major axis: data with errors, model, components, sky, PSF."""
    points = curves.points
    seen = np.isfinite(points["y"])
    below, above = np.abs(points["low"] - points["y"]), np.abs(points["high"] - points["y"])
    bars = np.nan_to_num(np.stack([above, below]))
    ax.errorbar(
        curves.r[seen], points["y"][seen], bars[:, seen], fmt="o", ms=2.4, mfc="white", mec="0.25", mew=0.6,
        ecolor="0.45", elinewidth=0.6, capsize=0, label="data", zorder=2,
    )  # fmt: skip
    names = [c.name for c in scene.model.components]
    if len(curves.parts) > 1:
        for index, y in curves.parts:
            if not _concentric(scene, names[index]):
                continue
            ax.plot(
                curves.r, y, color=COLOURS[index % len(COLOURS)], dashes=DASHES[index % len(DASHES)],
                label=names[index], zorder=3,
            )  # fmt: skip
    ax.plot(curves.r, curves.total["y"], color="black", lw=1.2, label="model", zorder=4)
    low, high = curves.range
    if math.isfinite(curves.sky) and high < curves.sky < low:
        ax.axhline(curves.sky, color="0.5", lw=0.7, ls=(0, (1, 2)), label="sky", zorder=1)
    if math.isfinite(curves.psf_half_width):
        edge = float(scaled(curves.psf_half_width, radius))
        ax.axvspan(_start(radius), edge, color="0.9", lw=0, zorder=0, label="half the PSF's FWHM")
    ax.set_ylim(low, high)
    ax.set_ylabel(curves.label(scene.galaxy))
    handles, labels = ax.get_legend_handles_labels()
    first = labels.index("data")
    order = [first, *(k for k in range(len(labels)) if k != first)]
    ax.legend(
        [handles[k] for k in order], [labels[k] for k in order], loc="upper right", handlelength=2.6,
        borderaxespad=0.5, labelspacing=0.3, ncols=1 if len(labels) < 7 else 2,
    )  # fmt: skip
    _radii(ax, scene, curves, radius)
    ax.tick_params(labelbottom=False, right=True, top=True)


def _concentric(scene: Scene, name: str) -> bool:
    """Whether a component belongs to the profile's centre; one at its side has no profile about it."""
    shape, centre = ellipse(scene.model, scene.values, name), scene.annuli.geometry
    return shape is not None and math.hypot(shape["x"] - centre.x, shape["y"] - centre.y) < _CONCENTRIC


def _strip(ax: Axes, scene: Scene, curves: Curves, radius: str) -> None:
    """Data against model, under the profile."""
    rest = curves.residual
    seen = np.isfinite(rest["y"])
    errors = (rest["high"] - rest["y"])[seen]
    ax.axhline(0.0, color="black", lw=0.8, zorder=1)
    ax.errorbar(
        curves.r[seen], rest["y"][seen], errors, fmt="o", ms=2.0, mfc="white", mec="0.25", mew=0.6,
        ecolor="0.45", elinewidth=0.6, zorder=2,
    )  # fmt: skip
    reach = curves.residual_range
    ax.set_ylim(reach, -reach)  # as the profile: up is brighter
    ax.set_yticks([float(f"{k * reach / 1.2:.3g}") for k in (-1, 0, 1)])
    ax.set_ylabel(curves.residual_label)
    _radii(ax, scene, curves, radius)
    scale = scene.galaxy.pixel_scale
    ax.set_xlabel(
        "radius along the major axis  (arcsec)" if scale else "radius along the major axis  (pixel)"
    )
    ax.tick_params(right=True, top=True)


def _radii(ax: Axes, scene: Scene, curves: Curves, radius: str) -> None:
    """The radius axis: pixels inside, arcsec in the labels where the scale is known."""
    unit = scene.galaxy.pixel_scale or 1.0
    ticks = radius_ticks(_inner(radius) * unit, curves.reach * unit, radius)
    ax.set_xlim(_start(radius), float(scaled(curves.reach * 1.03, radius)))
    ax.set_xticks([float(scaled(t / unit, radius)) for t in ticks], [f"{t:g}" for t in ticks])


def _inner(radius: str) -> float:
    return 0.0 if radius == "linear" else 0.3


def _start(radius: str) -> float:
    return float(scaled(_inner(radius), radius))


def _histogram(ax: Axes, fit: GalaxyFit, curves: Curves) -> None:
    """(data - model)/sigma of the unmasked pixels, with the unit Gaussian it should follow."""
    ax.stairs(curves.histogram, HISTOGRAM_EDGES, fill=True, color="#9fc3dd", lw=0)
    ax.stairs(curves.histogram, HISTOGRAM_EDGES, color="#33678f", lw=0.8, label="pixels")
    at = np.linspace(-5, 5, 201)
    ax.plot(at, np.exp(-0.5 * at**2) / math.sqrt(2 * math.pi), color="black", lw=1.0, label="N(0, 1)")
    ax.set_xlim(-5, 5)
    ax.set_ylim(0, max(0.5, 1.42 * float(curves.histogram.max(initial=0.0))))
    ax.set_xlabel("(data − model) / σ")
    ax.set_ylabel("density")
    ax.legend(loc="upper left", handlelength=1.4, borderaxespad=0.5, labelspacing=0.3)
    words = f"$\\chi^2_\\nu$ = {fit.chi2_nu:.3f}\nmean = {curves.mean:+.3f}\nstd = {curves.spread:.3f}"
    ax.text(0.965, 0.955, words.replace("-", "−"), transform=ax.transAxes, ha="right", va="top", fontsize=6.8)
    ax.tick_params(right=True, top=True)
