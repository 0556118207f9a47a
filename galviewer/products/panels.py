"""The images of a figure: data, model, residual and components as panels of one scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.products.annuli import psf_fwhm
from galviewer.products.scene import Scene, ellipse

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.axes import Axes

_COLUMNS = {3: 3, 4: 4, 5: 5, 6: 3, 7: 4, 8: 4, 9: 5}
_LARGEST = 2.2
_RESIDUAL = 5.0
_LIGHT = "white"


@dataclass(frozen=True, eq=False)
class Panel:
    """One image.

    Parameters
    ----------
    title : str
        Written into its corner.
    image : ndarray, (H, W)
        Image unit; of the residual, units of sigma.
    colour : str
        Of the title's mark; empty for none.
    residual : bool
        Whether it has the diverging palette.
    """

    title: str
    image: np.ndarray
    colour: str = ""
    residual: bool = False


@dataclass(frozen=True, eq=False)
class Plate:
    """All images of a figure.

    Parameters
    ----------
    panels : list of Panel
        Data, model, components; the residual ends the first row.
    window : (float, float, float, float)
        Left, right, bottom, top of what is shown, pixel.
    low, high, noise : float
        Limits of the brightness scale and the noise of the sky, image unit.
    """

    scene: Scene
    panels: list[Panel]
    window: tuple[float, float, float, float]
    low: float
    high: float
    noise: float

    @classmethod
    def of(cls, scene: Scene, colours: Sequence[str]) -> Plate:
        """Choose the panels, the window and the scale.

        Parameters
        ----------
        scene : Scene
            What was fitted.
        colours : sequence of str
            One per component.
        """
        kinds = [c.declaration.kind for c in scene.model.components]
        sky = scene.images[[k for k, kind in enumerate(kinds) if kind == "sky"]].sum(0)
        has_sky = "sky" in kinds
        pull = np.where(scene.galaxy.mask, np.nan, scene.pull)
        data = scene.fixtures.image - sky
        chosen = [Panel("data − sky" if has_sky else "data", data), Panel("model", scene.total - sky)]
        names = [c.name for c in scene.model.components]
        light = [k for k, kind in enumerate(kinds) if kind != "sky"]
        if len(light) > 1:
            chosen += [Panel(names[k], scene.images[k], colours[k % len(colours)]) for k in light]
        # At the end of the first row, where its colour bar is.
        chosen.insert(_COLUMNS.get(len(chosen) + 1, 5) - 1, Panel("residual", pull, residual=True))
        low, high, noise = _limits(data[scene.fixtures.unmasked], scene)
        return cls(scene, chosen, _window(scene, scene.total - sky, noise), low, high, noise)

    def layout(self, width: float, gap: float) -> tuple[tuple[float, float], int]:
        """Size of a panel (width, height) in inches, and rows of panels."""
        columns = self._columns
        left, right, bottom, top = self.window
        each = min((width - (columns - 1) * gap) / columns, width if columns > 3 else _LARGEST)
        return (each, each * (top - bottom) / (right - left)), math.ceil(len(self.panels) / columns)

    @property
    def _columns(self) -> int:
        return _COLUMNS.get(len(self.panels), 5)

    def draw(self, axes: Callable[..., Axes], left: float, top: float, gap: float) -> None:
        """Draw every panel and the two colour bars above the first row.

        Parameters
        ----------
        axes : callable
            ``axes(left, from_top, width, height)`` in inches.
        left, top, gap : float
            Where the first panel begins, and the space between two, inches.
        """
        from matplotlib.colors import AsinhNorm, Normalize

        (wide, tall), rows = self.layout(7.1 - left - 0.12, gap)
        columns = self._columns
        norm = AsinhNorm(linear_width=2.5 * self.noise, vmin=self.low, vmax=self.high)
        shown: dict[bool, Any] = {}
        for k, panel in enumerate(self.panels):
            row, column = divmod(k, columns)
            ax = axes(left + column * (wide + gap), top + row * (tall + gap), wide, tall)
            scale = Normalize(-_RESIDUAL, _RESIDUAL) if panel.residual else norm
            shown[panel.residual] = self._panel(ax, panel, scale)
            lowest = k + columns >= len(self.panels)
            ax.tick_params(labelleft=column == 0, labelbottom=lowest)
            if column == 0 and row == (rows - 1) // 2:
                ax.set_ylabel(self._label("y"), y=0.5 if rows % 2 else 0.0)
            if lowest and (row == rows - 1) and column == (columns - 1) // 2:
                ax.set_xlabel(self._label("x"), x=0.5 if columns % 2 else 1.0)
        self._bars(axes, shown, left, top - 0.14, wide, gap)

    def _panel(self, ax: Axes, panel: Panel, norm: Any) -> Any:
        """One image with its title, ticks, masks and marks."""
        from matplotlib import colormaps
        from matplotlib.patheffects import withStroke

        palette = colormaps["RdBu_r" if panel.residual else "magma"].copy()
        palette.set_bad("0.72")
        height, width = panel.image.shape
        unit, x0, y0 = self._axes()
        extent = (
            (-0.5 - x0) * unit,
            (width - 0.5 - x0) * unit,
            (-0.5 - y0) * unit,
            (height - 0.5 - y0) * unit,
        )
        image = ax.imshow(
            panel.image, origin="lower", extent=extent, cmap=palette, norm=norm, interpolation="none"
        )
        left, right, bottom, top = self.window
        ax.set_xlim((left - x0) * unit, (right - x0) * unit)
        ax.set_ylim((bottom - y0) * unit, (top - y0) * unit)
        ink, edge = ("black", "white") if panel.residual else (_LIGHT, "black")
        ax.tick_params(color="0.35" if panel.residual else "0.8", top=True, right=True)
        ax.locator_params(nbins=5, steps=[1, 2, 5, 10])
        ax.text(
            0.045, 0.955, panel.title, transform=ax.transAxes, va="top", color=ink, fontsize=7.5,
            path_effects=[withStroke(linewidth=0.8, foreground=edge)], parse_math=False,
        )  # fmt: skip
        if panel.colour:
            ax.plot([0.045, 0.2], [0.83, 0.83], transform=ax.transAxes, color=panel.colour, lw=2)
        if panel is self.panels[0]:
            self._masks(ax, extent)
            _compass(ax, self.scene.galaxy.wcs, self.scene.galaxy.shape)
        if panel is self.panels[1]:
            self._psf(ax)
        return image

    def _masks(self, ax: Axes, extent: tuple[float, float, float, float]) -> None:
        """Ignored pixels under hatching."""
        mask = self.scene.galaxy.mask
        if mask.any():
            ax.contourf(
                mask.astype(float), levels=[0.5, 1.5], extent=extent, origin="lower", colors="none",
                hatches=["//////"],
            )  # fmt: skip
            ax.contour(
                mask.astype(float), levels=[0.5], extent=extent, origin="lower", colors="white",
                linewidths=0.5,
            )  # fmt: skip

    def _psf(self, ax: Axes) -> None:
        """A circle as wide as the PSF's FWHM in the lower left corner."""
        from matplotlib.patches import Circle

        width = psf_fwhm(self.scene.galaxy.psf, self.scene.galaxy.psf_oversample) * self._axes()[0]
        if not math.isfinite(width):
            return
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        at = (left + 0.05 * (right - left) + width / 2, bottom + 0.05 * (top - bottom) + width / 2)
        ax.add_patch(Circle(at, width / 2, fill=False, ec=_LIGHT, lw=0.7))
        place = (at[0] + width / 2, at[1])
        ax.annotate("PSF", place, (3, 0), textcoords="offset points", color=_LIGHT, fontsize=6, va="center")

    def _bars(
        self,
        axes: Callable[..., Axes],
        shown: dict[bool, Any],
        left: float,
        top: float,
        wide: float,
        gap: float,
    ) -> None:
        """The residual's scale above the residual, that of the others above the others."""
        last = self._columns - 1
        for residual, first, number in ((False, 0, last), (True, last, 1)):
            ax = axes(left + first * (wide + gap), top, number * wide + (number - 1) * gap, 0.07)
            bar = ax.figure.colorbar(shown[residual], cax=ax, orientation="horizontal", ticklocation="top")
            bar.outline.set_linewidth(0.5)
            if residual:
                bar.set_ticks([-4, -2, 0, 2, 4], labels=["−4", "−2", "0", "2", "4"])
                bar.set_label("(data − model) / σ", labelpad=2)
            else:
                places, labels = self._magnitudes()
                bar.set_ticks(places, labels=labels)
                per = "arcsec" if self.scene.galaxy.pixel_scale else "pixel"
                bar.set_label(f"μ  (mag {per}$^{{-2}}$)", labelpad=2)
            bar.ax.minorticks_off()
            bar.ax.tick_params(direction="out", size=2, pad=1)

    def _magnitudes(self) -> tuple[list[float], list[str]]:
        """Whole magnitudes per area inside the brightness scale, and the sky's zero."""
        galaxy = self.scene.galaxy
        zero = galaxy.zeropoint + 2.5 * math.log10((galaxy.pixel_scale or 1.0) ** 2)
        brightest = zero - 2.5 * math.log10(max(self.high, 1e-30))
        faintest = zero - 2.5 * math.log10(max(0.7 * self.noise, 1e-30))
        step = 1 if faintest - brightest < 7 else 2
        marks = [m for m in range(math.ceil(brightest), math.floor(faintest) + 1) if (m - 1) % step == 0]
        places = [10 ** (-0.4 * (m - zero)) for m in marks]
        return [*places, 0.0], [*(f"{m}".replace("-", "−") for m in marks), "sky"]

    def _axes(self) -> tuple[float, float, float]:
        """Length of a pixel in the axes' unit, and the pixel at their zero."""
        scale, geometry = self.scene.galaxy.pixel_scale, self.scene.annuli.geometry
        return (scale, geometry.x, geometry.y) if scale else (1.0, 0.0, 0.0)

    def _label(self, axis: str) -> str:
        return f"Δ{axis}  (arcsec)" if self.scene.galaxy.pixel_scale else f"{axis}  (pixel)"


def _window(scene: Scene, light: np.ndarray, noise: float) -> tuple[float, float, float, float]:
    """A square (pixel edges) around what the model shows above the noise, no larger than the stamp."""
    geometry, (height, width) = scene.annuli.geometry, scene.galaxy.shape
    bright = np.flatnonzero(scene.annuli.mean(light) > 0.1 * noise)
    half = max(1.3 * float(scene.annuli.radius[bright[-1]]) if bright.size else 0.0, 12.0)
    for component in scene.model.components:
        shape = ellipse(scene.model, scene.values, component.name)
        if shape is not None and np.isfinite(list(shape.values())).all():
            away = max(abs(shape["x"] - geometry.x), abs(shape["y"] - geometry.y))
            half = max(half, away + 2.5 * shape["size"] + 4.0 if away > 2.0 else 0.0)
    left, right = max(geometry.x - half, -0.5), min(geometry.x + half, width - 0.5)
    bottom, top = max(geometry.y - half, -0.5), min(geometry.y + half, height - 0.5)
    if right - left > 0.8 * width or top - bottom > 0.8 * height or right <= left or top <= bottom:
        return -0.5, width - 0.5, -0.5, height - 0.5
    return left, right, bottom, top


def _limits(values: np.ndarray, scene: Scene) -> tuple[float, float, float]:
    """Limits of the brightness scale and the sky's noise, image unit."""
    noise = float(np.median(scene.galaxy.sigma))
    if values.size:
        middle = float(np.median(values))
        noise = float(np.percentile(middle - values[values <= middle], 68.3)) or noise
    top = max(float(np.percentile(values, 99.97)) if values.size else 0.0, 30.0 * noise)
    return -1.5 * noise, top, noise


def _compass(ax: Axes, wcs: WCS | None, shape: tuple[int, int]) -> None:
    """Arrows to north and east in the lower right corner, where the image has a WCS."""
    directions = compass(wcs, shape)
    if directions is None:
        return
    corner, length = np.array([0.86, 0.1]), 0.13
    vectors = np.array(list(directions.values()))
    corner = corner + length * np.maximum(-vectors.min(0), 0.0) * np.array([0.0, 1.0])
    corner = corner - length * np.maximum(vectors.max(0), 0.0) * np.array([1.0, 0.0])
    for letter, vector in directions.items():
        tip = corner + length * np.asarray(vector)
        ax.annotate(
            "", tip, corner, xycoords="axes fraction",
            arrowprops={"arrowstyle": "-|>", "color": _LIGHT, "lw": 0.7, "mutation_scale": 5, "shrinkA": 0},
        )  # fmt: skip
        at = corner + (length + 0.05) * np.asarray(vector)
        ax.text(
            float(at[0]),
            float(at[1]),
            letter,
            transform=ax.transAxes,
            color=_LIGHT,
            fontsize=6,
            ha="center",
            va="center",
        )


def compass(wcs: WCS | None, shape: tuple[int, int]) -> dict[str, tuple[float, float]] | None:
    """Unit vectors (x, y) in pixels towards north and east at the stamp's centre; None without a WCS."""
    if wcs is None:
        return None
    height, width = shape
    x, y = (width - 1) / 2, (height - 1) / 2
    ra, dec = (np.asarray(v, float) for v in wcs.all_pix2world([x, x + 1, x], [y, y, y + 1], 0))
    east = ((ra[1:] - ra[0] + 180.0) % 360.0 - 180.0) * math.cos(math.radians(float(dec[0])))
    jacobian = np.array([dec[1:] - dec[0], east])  # rows: north, east; columns: along x, along y
    if not np.isfinite(jacobian).all() or abs(np.linalg.det(jacobian)) < 1e-30:
        return None
    inverse = np.linalg.inv(jacobian)
    units = {letter: inverse[:, k] / np.hypot(*inverse[:, k]) for k, letter in enumerate("NE")}
    return {letter: (float(v[0]), float(v[1])) for letter, v in units.items()}


__all__ = ["Panel", "Plate", "compass"]
