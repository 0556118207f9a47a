"""Measure the target of an image: sky, flux, centre, size, shape."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from galviewer.guess import library
from galviewer.guess.detect import detect, sky_and_scatter
from galviewer.guess.library import PsfSize
from galviewer.guess.radial import RadialFit, Rings, fit_sersic, growth_radius, rings
from galviewer.guess.shape import Shape, moments
from galviewer.survey.galaxy import Galaxy


@dataclass(frozen=True, eq=False)
class Measurement:
    """What was measured at the target's place, corrected for the seeing.

    Parameters
    ----------
    x, y : float
        Centre, 0-based pixels.
    flux : float
        Total, image units.
    r_eff : float
        Half-light radius along the major axis, pixels.
    q, pa : float
        Axis ratio; degrees counter-clockwise from +y, in [0, 180).
    n : float
        Sérsic index.
    sky, sky_rms : float
        Level and its scatter per pixel, image units.
    ok : bool
        False where nothing could be measured: then only x, y and sky mean anything.
    rings : Rings or None
        Mean brightness in elliptical rings, for decompositions.
    psf : PsfSize
        The seeing that was assumed.
    """

    x: float
    y: float
    flux: float
    r_eff: float
    q: float
    pa: float
    n: float
    sky: float
    sky_rms: float
    ok: bool
    rings: Rings | None
    psf: PsfSize


def measure(galaxy: Galaxy, sky: float | None = None) -> Measurement:
    """Measure the target of a galaxy.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey; masked pixels count nowhere.
    sky : float, optional
        Level to be taken as sky (0 for sky-subtracted images); measured together with the
        galaxy's profile if None.

    Returns
    -------
    Measurement
        Never raises: `ok` is False when there is nothing at the target's place.
    """
    level, rms = sky_and_scatter(galaxy.image, galaxy.mask)
    start = level if sky is None or abs(level - sky) > 3.0 * rms else sky
    image = (galaxy.image - start) / rms  # of order one, whatever the image's unit
    found = detect(image, galaxy.mask, 1.0, galaxy.target)
    used = ~(galaxy.mask | found.others)
    size = library.psf_size(galaxy.psf, galaxy.psf_oversample)
    ellipse = _shape(image, used, found.x, found.y, max(0.5 * found.radius, 1.2 * size.r50))
    if not ellipse.ok or (not found.found and ellipse.signal < 5.0):
        x, y = galaxy.target
        return Measurement(x, y, math.nan, math.nan, 1.0, 0.0, math.nan, start, rms, False, None, size)
    held = None if sky is None else (sky - start) / rms
    ringed = rings(image, used, 1.0, ellipse.x, ellipse.y, ellipse.q, ellipse.pa)
    near = growth_radius(ringed)
    fit = fit_sersic(ringed, size, held, near)
    q, r_eff = before_seeing(ellipse, fit, size)
    ringed = ringed._replace(mean=ringed.mean * rms + start, error=ringed.error * rms)
    return Measurement(
        x=ellipse.x,
        y=ellipse.y,
        flux=fit.flux * rms,
        r_eff=r_eff,
        q=q,
        pa=ellipse.pa,
        n=fit.n,
        sky=fit.sky * rms + start,
        sky_rms=rms,
        ok=bool(math.isfinite(fit.flux) and fit.flux > 0),
        rings=ringed,
        psf=size,
    )


def _shape(image: np.ndarray, used: np.ndarray, x: float, y: float, radius: float) -> Shape:
    """Shape within about the half-light radius: a first weight, then one fitted to the light's size."""
    first = moments(image, used, x, y, radius, iterations=6)
    if not first.ok:
        return moments(image, used, x, y, 2.0 * radius, iterations=6)
    # a Gaussian of dispersion s seen through a weight of dispersion w has size s w / sqrt(s^2 + w^2)
    inverse = 1.0 / first.size**2 - 1.0 / radius**2
    true = math.sqrt(1.0 / inverse) if inverse > 0 else 2.0 * radius
    scale = min(max(true, 0.6 * radius, 1.0), 2.0 * radius)
    second = moments(image, used, first.x, first.y, scale, first.q, first.pa, iterations=10)
    if math.hypot(second.x - x, second.y - y) > max(2.0, 0.5 * radius):  # drawn away by a neighbour
        second = moments(image, used, x, y, scale, move=False, iterations=10)
    return second if second.ok else first


def before_seeing(ellipse: Shape, fit: RadialFit, size: PsfSize) -> tuple[float, float]:
    """Axis ratio and major-axis r_eff before the seeing.

    The PSF adds the same s^2 to the second moments along both axes. s^2 is the difference of the
    moments of the circular profile with and without the PSF, through the weight that saw them.
    """
    t = np.linspace(0.02, 4.5, 90) * ellipse.scale
    weight = np.exp(-0.5 * (t / ellipse.scale) ** 2)
    i = int(np.argmin(np.abs(np.log(library.N_GRID / fit.n))))
    j = int(np.argmin(np.abs(np.log(library.RHO_GRID * size.r50 / fit.r_eff))))
    profile = library.profiles(t, size, slice(j, j + 1))[i, 0]
    bare_profile = library.sersic(t / fit.r_eff, library.N_GRID[i])
    seen, bare = (_free_moment(light * t, t, weight, ellipse.scale) for light in (profile, bare_profile))
    observed = _debiased(ellipse)
    added = _calibrated(observed, bare / seen) * max(seen - bare, 0.0)
    major, minor = seen / observed - added, max(seen * observed - added, 0.0)
    q = min(max(math.sqrt(minor / major), 0.1), 1.0)
    return q, fit.r_eff * math.sqrt(major / max(seen - added, 0.05 * seen))


def _calibrated(observed: float, resolved: float) -> float:
    """Part of s^2 to be subtracted, by the observed q and the share of the moment that is the galaxy's.

    A regression on simulated galaxies (Moffat PSFs, n 0.5 to 6, q above 0.15, r_eff of 0.3 to 8
    PSF half-light radii); takes the median error of q from -0.02 to 0.00.
    """
    return min(max(0.954 - 0.474 * (1.0 - observed) + 0.294 * min(resolved, 1.0), 0.6), 1.0)


def _debiased(ellipse: Shape) -> float:
    """Axis ratio freed of the elongation that noise alone would show."""
    e = (1.0 - ellipse.q**2) / (1.0 + ellipse.q**2)
    e = math.sqrt(max(e**2 - (2.0 / max(ellipse.signal, 1.0)) ** 2, 0.0))
    return math.sqrt((1.0 - e) / (1.0 + e))


def _free_moment(light: np.ndarray, t: np.ndarray, weight: np.ndarray, scale: float) -> float:
    """Second moment per axis of ring light, freed of the Gaussian weight it was seen through."""
    through = 0.5 * float((light * weight * t**2).sum() / (light * weight).sum())
    return 1.0 / max(1.0 / through - 1.0 / scale**2, 0.02 / scale**2)
