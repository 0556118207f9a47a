"""The numbers of the profile's plots: brightness against radius, its residual, the histogram of residuals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import profiles
from galviewer.products.annuli import psf_fwhm

if TYPE_CHECKING:
    from galviewer.products.scene import Scene
    from galviewer.survey import Galaxy

_STEP = 0.25
HISTOGRAM_EDGES = np.arange(-6.0, 6.0 + _STEP / 2, _STEP)
"""Edges of the residual histogram, in units of sigma."""

_MAG = 2.5 / math.log(10.0)


def scaled(radius: Any, scale: str) -> Any:
    """Radius as plotted: itself, its logarithm, or its fourth root."""
    if scale == "log":
        return np.log10(np.maximum(radius, 0.05))
    if scale == "quarter":
        return np.maximum(radius, 0.0) ** 0.25
    return radius


def radius_ticks(low: float, high: float, scale: str) -> list[float]:
    """Round radii between `low` and `high`, about six of them, evenly spread as plotted."""
    if scale == "linear":
        step = _round(max(high - low, 1e-9) / 6)
        return [round(k * step, 10) for k in range(math.ceil(low / step), int(high / step) + 1)]
    powers = range(math.floor(math.log10(max(low, 1e-3))), math.ceil(math.log10(high)) + 1)
    candidates = [m * 10.0**p for p in powers for m in (1, 2, 5)]
    inside = [c for c in candidates if low <= c <= high]
    places = [float(scaled(c, scale)) for c in inside]
    gap = 0.08 * (float(scaled(high, scale)) - float(scaled(low, scale)))
    kept: list[int] = []
    for k in range(len(inside) - 1, -1, -1):
        if not kept or places[kept[-1]] - places[k] > gap:
            kept.append(k)
    return [inside[k] for k in reversed(kept)]


def _round(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= value * 0.999)


@dataclass(frozen=True, eq=False)
class Curves:
    """What is drawn.

    Parameters
    ----------
    r : ndarray, (A,)
        Radii as plotted.
    points, residual : dict of ndarray
        ``r, y, low, high``: data, and data against model, with 1-sigma errors.
    total : dict of ndarray
        ``r, y`` of the whole model.
    parts : list of (component index, ndarray (A,))
        Brightness of each component that is not a sky.
    sky : float
        Sky level as plotted; nan without one.
    range : (float, float)
        Of the brightness axis, bottom to top.
    reach : float
        Radius (pixel) up to which there is something to see.
    residual_range : float
        Half the height of the residual strip.
    histogram : ndarray
        Density of (data - model)/sigma.
    mean, spread : float
        Of (data - model)/sigma.
    psf_half_width : float
        Half the PSF's fwhm, pixel; nan without a PSF.
    """

    brightness: str
    r: np.ndarray
    points: dict[str, np.ndarray]
    residual: dict[str, np.ndarray]
    total: dict[str, np.ndarray]
    parts: list[tuple[int, np.ndarray]]
    sky: float
    range: tuple[float, float]
    reach: float
    residual_range: float
    histogram: np.ndarray
    mean: float
    spread: float
    psf_half_width: float

    @classmethod
    def of(cls, scene: Scene, brightness: str, radius_scale: str) -> Curves:
        """Measure them in the scene's annuli."""
        annuli = scene.annuli
        r = scaled(annuli.radius, radius_scale)
        means = np.array([annuli.mean(image) for image in scene.images])
        kinds = [profiles.get(c.profile).kind for c in scene.model.components]
        light = [k for k, kind in enumerate(kinds) if kind != "sky"]
        sky = means[[k for k, kind in enumerate(kinds) if kind == "sky"]].sum(0)
        has_sky = len(light) < len(kinds)
        scale = (scene.galaxy.pixel_scale or 1.0) ** 2
        data, model, error = scene.data_mean - sky, means[light].sum(0), scene.data_error
        histogram, mean, spread = _pulls(scene)
        if brightness == "mag":
            show = _Magnitudes(scene.galaxy.zeropoint, scale)
            level = float(sky[0]) if has_sky and len(sky) else math.nan
        else:
            show = _Fluxes()
            data, model, level = (
                data + sky,
                model + sky,
                (float(sky[0]) if has_sky and len(sky) else math.nan),
            )
        y, low, high = show.with_error(data, error)
        rest = show.deviation(data, model, error)
        return cls(
            brightness,
            r,
            {"r": r, "y": y, "low": low, "high": high},
            {"r": r, "y": rest[0], "low": rest[0] - rest[1], "high": rest[0] + rest[1]},
            {"r": r, "y": show.of(model)},
            [(k, show.of(means[k])) for k in light],
            float(show.of(level)),
            show.range(data, error, model),
            _reach(annuli.radius, scene.data_mean - sky, error),
            show.residual_range(rest[0], rest[1]),
            histogram,
            mean,
            spread,
            psf_fwhm(scene.galaxy.psf, scene.galaxy.psf_oversample) / 2,
        )

    def label(self, galaxy: Galaxy) -> str:
        """Label of the brightness axis."""
        if self.brightness == "flux":
            return "brightness  (image unit)"
        return "μ  (mag arcsec⁻²)" if galaxy.pixel_scale else "μ  (mag pixel⁻²)"

    @property
    def residual_label(self) -> str:
        """Label of the strip's axis."""
        return "Δμ" if self.brightness == "mag" else "Δ / error"


class _Magnitudes:
    """Magnitudes per square arcsec, or per pixel; nothing where the flux is not positive."""

    def __init__(self, zeropoint: float, area: float) -> None:
        self._zero = zeropoint + 2.5 * math.log10(area)

    def of(self, flux: Any) -> Any:
        flux = np.asarray(flux, float)
        return self._zero - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))

    def with_error(self, flux: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        faint = self.of(np.where(flux > 0, np.maximum(flux - error, 1e-3 * error), np.nan))
        return self.of(flux), faint, self.of(flux + error)

    def deviation(
        self, data: np.ndarray, model: np.ndarray, error: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        relative = _MAG * error / np.where(data > 0, data, np.nan)
        difference = self.of(data) - self.of(model)
        return np.where(relative < 0.6, difference, np.nan), relative

    def range(self, data: np.ndarray, error: np.ndarray, model: np.ndarray) -> tuple[float, float]:
        seen = self.of(data)[data > error]
        seen = np.append(seen, self.of(model.max(initial=0.0)))
        seen = seen[np.isfinite(seen)]
        if seen.size == 0:
            return self._zero + 5, self._zero - 5
        bright, faint = float(seen.min()), float(seen.max())
        pad = 0.06 * max(faint - bright, 1.0)
        return faint + 2 * pad, bright - pad

    def residual_range(self, value: np.ndarray, error: np.ndarray) -> float:
        good = np.abs(value[np.isfinite(value) & (error < 0.2)])
        worst = float(np.percentile(good, 90)) if good.size else 0.1
        return next((r for r in (0.12, 0.24, 0.6, 1.2) if r > 1.4 * worst), 2.4)


class _Fluxes:
    """Image unit."""

    def of(self, flux: Any) -> Any:
        return np.asarray(flux, float)

    def with_error(self, flux: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return flux, flux - error, flux + error

    def deviation(
        self, data: np.ndarray, model: np.ndarray, error: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        return (data - model) / error, np.ones_like(error)

    def range(self, data: np.ndarray, error: np.ndarray, model: np.ndarray) -> tuple[float, float]:
        top = max(float(np.max(data, initial=0.0)), float(np.max(model, initial=0.0)))
        bottom = min(float(np.min(data, initial=top)), 0.0)
        pad = 0.06 * max(top - bottom, 1e-30)
        return bottom - pad, top + pad

    def residual_range(self, value: np.ndarray, error: np.ndarray) -> float:
        good = np.abs(value[np.isfinite(value)])
        worst = float(np.percentile(good, 90)) if good.size else 1.0
        return next((r for r in (3.6, 6.0, 12.0, 24.0, 60.0) if r > 1.3 * worst), 240.0)


def _reach(radius: np.ndarray, light: np.ndarray, error: np.ndarray) -> float:
    """Radius somewhat beyond the outermost annulus of three in a row with light above their errors, pixel."""
    if radius.size == 0:
        return 10.0
    seen = light > 1.5 * error
    runs = np.flatnonzero(seen[:-2] & seen[1:-1] & seen[2:])
    outermost = radius[runs[-1] + 2] if runs.size else radius[-1]
    return float(min(max(1.3 * outermost, 10.0), radius[-1]))


def _pulls(scene: Scene) -> tuple[np.ndarray, float, float]:
    """Density of (data - model)/sigma in the histogram's bins, its mean and standard deviation."""
    values = scene.pull[scene.fixtures.unmasked]
    if values.size == 0 or not np.isfinite(values).all():
        return np.zeros(len(HISTOGRAM_EDGES) - 1), math.nan, math.nan
    bins = ((np.clip(values, -6.2, 6.2) + 6.25) * (1 / _STEP)).astype(np.int32)
    count = np.bincount(bins, minlength=len(HISTOGRAM_EDGES) + 1)[1 : len(HISTOGRAM_EDGES)]
    return count / (values.size * _STEP), float(values.mean()), float(values.std())
