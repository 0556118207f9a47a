"""Non-parametric quantities beside a fit: concentration, asymmetry, smoothness, Gini, M20, Petrosian radius.

They say what a smooth model cannot: arms, knots, mergers, a residual that is more than noise. The first six
are measured by statmorph (extra ``science``) on the data without the fitted sky; the residual flux fraction
is computed here from the fit's own residual. A galaxy that cannot be measured has nan and a note.

References
----------
Rodriguez-Gomez et al. 2019, MNRAS 483, 4140 (statmorph); Conselice 2003, ApJS 147, 1; Lotz, Primack & Madau
2004, AJ 128, 163; Hoyos et al. 2012, MNRAS 419, 2703.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from galviewer.errors import GalviewerError
from galviewer.products.annuli import Annuli
from galviewer.products.columns import ColumnInfo, is_neighbour
from galviewer.products.fitted import GalaxyFit
from galviewer.products.scene import reference_geometry
from galviewer.survey.files import quiet

COLUMNS = (
    ColumnInfo("petrosian_radius", "pixel", "elliptical Petrosian radius along the major axis, eta = 0.2"),
    ColumnInfo("concentration", "", "5 log10(r80 / r20) within 1.5 circular Petrosian radii"),
    ColumnInfo("asymmetry", "", "asymmetry under half a turn, that of the sky subtracted"),
    ColumnInfo("smoothness", "", "clumpiness: light on scales below a quarter of the Petrosian radius"),
    ColumnInfo("gini", "", "Gini coefficient of the galaxy's pixels: 0 even, 1 all light in one"),
    ColumnInfo("m20", "", "log10 of the second moment of the brightest fifth of the light over all of it"),
    ColumnInfo("rff", "", "residual flux fraction: |residual| beyond the noise, over the model's light"),
    ColumnInfo("companion_notes", "", "what is wrong with the non-parametric quantities, in words", "text"),
)
"""Columns that ``--companions`` adds to a catalogue."""

_OURS = {
    "petrosian_radius": "rpetro_ellip",
    "concentration": "concentration",
    "asymmetry": "asymmetry",
    "smoothness": "smoothness",
    "gini": "gini",
    "m20": "m20",
}
_QUALITY = {
    1: "statmorph calls its result suspect",
    2: "statmorph calls its result bad",
    3: "statmorph calls its result bad",
    4: "statmorph could not measure it",
}
_UNKNOWN = -99.0
_SMOOTHING = 1.5
"""Width (pixel, one standard deviation) of the Gaussian under which the galaxy is outlined."""

_THRESHOLD, _OTHERS = 1.5, 4.0
"""Outline of the galaxy, and of other objects, in units of the smoothed noise."""

_SMALLEST = 12
"""Pixels that an outline must hold."""

MEAN_ABSOLUTE = math.sqrt(2.0 / math.pi)
"""Mean of |x| for a unit Gaussian (0.8 in Hoyos et al.)."""

_ENCLOSED = 0.9


def companions(fit: GalaxyFit) -> dict[str, Any]:
    """Non-parametric quantities of one galaxy.

    Parameters
    ----------
    fit : GalaxyFit
        With its model images: they give sky and residual.

    Returns
    -------
    dict
        A value for each of `COLUMNS`; nan, and a note, for what cannot be measured.

    Raises
    ------
    GalviewerError
        If statmorph is not installed.
    """
    unknown: dict[str, Any] = {info.name: math.nan for info in COLUMNS if info.dtype == "float"}
    _statmorph()
    if not fit.usable or fit.model_image is None or not np.isfinite(fit.model_image).all():
        return unknown | {"companion_notes": "not measured: no usable fit"}
    measured, notes = _morphology(fit)
    rff = residual_flux_fraction(fit)
    if not math.isfinite(rff):
        notes = [*notes, "residual flux fraction unknown: the model has no light on unmasked pixels"]
    return unknown | measured | {"rff": rff, "companion_notes": "; ".join(notes)}


def residual_flux_fraction(fit: GalaxyFit) -> float:
    """Residual flux fraction: 0 for noise alone, above it for structure, slightly below it by chance.

    ``(sum |data - model| - 0.798 sum sigma) / sum(model without sky)`` over the unmasked pixels of the
    ellipse that encloses 90 % of the model's light in the stamp.

    Parameters
    ----------
    fit : GalaxyFit
        With its model image.

    Returns
    -------
    float
        nan where the model has no light.

    References
    ----------
    Hoyos et al. 2012, MNRAS 419, 2703, whose 0.8 is the square root of 2/pi.
    """
    if fit.model_image is None:
        return math.nan
    galaxy = fit.galaxy
    light = np.asarray(fit.model_image, float) - background(fit)
    inside = ~galaxy.mask & _enclosing(fit, light)
    total = float(light[inside].sum())
    if not total > 0:
        return math.nan
    residual = np.abs(galaxy.image - fit.model_image)[inside].sum()
    return float((residual - MEAN_ABSOLUTE * galaxy.sigma[inside].sum()) / total)


def background(fit: GalaxyFit) -> np.ndarray:
    """The fitted sky and neighbours over the stamp, (H, W); zero without any."""
    planes = np.zeros(fit.galaxy.shape)
    if fit.component_images is None:
        return planes
    for component, plane in zip(fit.model.components, fit.component_images, strict=True):
        if component.declaration.kind == "sky" or is_neighbour(component.name):
            planes = planes + plane
    return planes


def _enclosing(fit: GalaxyFit, light: np.ndarray) -> np.ndarray:
    """Pixels of the ellipse that encloses 90 % of `light`, (H, W) bool."""
    geometry = reference_geometry(fit.model, fit.parameters, fit.galaxy)
    annuli = Annuli(geometry, np.zeros(light.shape, bool))
    radius = geometry.radius(fit.galaxy.shape)
    growth = np.cumsum(annuli.total(np.where(radius <= annuli.radius[-1], light, 0.0)))
    reached = np.searchsorted(growth, _ENCLOSED * growth[-1])
    return radius <= annuli.radius[min(reached, len(annuli.radius) - 1)]


def _morphology(fit: GalaxyFit) -> tuple[dict[str, float], list[str]]:
    """What statmorph measures, and what it has to say about it."""
    segments, problem = outline(fit)
    if problem:
        return {}, [f"not measured: {problem}"]
    source_morphology = _statmorph()
    with quiet(), warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            found = source_morphology(
                np.asarray(fit.galaxy.image - background(fit)), segments, 1,
                mask=np.array(fit.galaxy.mask), weightmap=np.asarray(fit.galaxy.sigma),
                sersic_fitting_args={"maxiter": 1},
            )  # fmt: skip
            values = {ours: float(getattr(found, theirs)) for ours, theirs in _OURS.items()}
            quality = int(found.flag)
        except Exception as error:  # whatever a strange image does to it, the catalogue goes on
            return {}, [f"not measured: statmorph failed ({type(error).__name__}: {error})"]
    good = {name: value for name, value in values.items() if math.isfinite(value) and value != _UNKNOWN}
    notes = [_QUALITY[quality]] if quality in _QUALITY else []
    said = dict.fromkeys(str(w.message) for w in told)
    notes += [f"statmorph: {text}" for text in said if not _about_its_sersic_fit(text)]
    return good, notes


def _about_its_sersic_fit(text: str) -> bool:
    """Whether a warning concerns statmorph's own Sersic fit, which is not used, or a library's future."""
    return any(word in text for word in ("fit may be unsuccessful", "ersic", "deprecated", "Deprecat"))


def outline(fit: GalaxyFit) -> tuple[np.ndarray, str]:
    """Segmentation map: 1 for the target, 2 and above for other objects, 0 for sky.

    Parameters
    ----------
    fit : GalaxyFit
        Its data, sky and first centre are used.

    Returns
    -------
    segments : ndarray, (H, W) int
    problem : str
        Why there is none; empty if all is well.
    """
    from scipy import ndimage

    galaxy = fit.galaxy
    data = np.where(galaxy.mask, 0.0, galaxy.image - background(fit))
    smooth = ndimage.gaussian_filter(data, _SMOOTHING)
    noise = galaxy.sigma / (2.0 * math.sqrt(math.pi) * _SMOOTHING)
    geometry = reference_geometry(fit.model, fit.parameters, galaxy)
    row, column = round(geometry.y), round(geometry.x)
    pieces, _ = ndimage.label(smooth > _THRESHOLD * noise)
    if not (0 <= row < data.shape[0] and 0 <= column < data.shape[1]):
        return np.zeros(data.shape, int), "the fitted centre lies outside of the image"
    label = pieces[row, column]
    target = pieces == label
    if label == 0 or target.sum() < _SMALLEST:
        return np.zeros(data.shape, int), "no light above the noise at the fitted centre"
    segments = target.astype(int)
    others, number = ndimage.label((smooth > _OTHERS * noise) & ~target)
    if number:
        sizes = np.bincount(others.ravel())
        keep = 1 + np.flatnonzero(sizes[1:] >= _SMALLEST)
        for k, other in enumerate(keep, start=2):
            segments[others == other] = k
    return segments, ""


def _statmorph() -> Any:
    """The class that measures."""
    try:
        with quiet():  # what its own dependencies will drop one day
            from statmorph import SourceMorphology
    except ImportError as error:
        raise GalviewerError(
            "statmorph", "is not installed", "it for non-parametric companions",
            'pip install "galviewer[science]"',
        ) from error  # fmt: skip
    return SourceMorphology
