"""One galaxy's values for the columns of a catalogue. Missing ones are nan, empty text, or -1 for counts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import conventions, flags
from galviewer.products.columns import (
    TIME_COLUMNS,
    ColumnInfo,
    bic_column,
    choice_columns,
    columns,
    has_bulge_and_disk,
    is_neighbour,
)
from galviewer.products.fitted import GalaxyFit
from galviewer.products.photometry import HalfLight, half_light, propagate, surface_brightness

if TYPE_CHECKING:
    from galviewer.model import Component, Model
    from galviewer.survey import Galaxy

HalfLightFinder = Callable[[str, dict[str, float]], HalfLight]
"""``finder(profile, shape parameters) -> HalfLight``, as `photometry.half_light`."""

_LN_FLUX_PER_MAG = 1.0 / conventions.MAG_PER_LN_FLUX


def row(
    fit: GalaxyFit,
    find_half_light: HalfLightFinder = half_light,
    infos: Sequence[ColumnInfo] | None = None,
) -> dict[str, Any]:
    """One galaxy's values for the columns of a catalogue.

    Parameters
    ----------
    fit : GalaxyFit
        The fit, with its model image for the signal to noise.
    find_half_light : callable
        Half-light radius of a profile; replace it for profiles without a closed form.
    infos : sequence of ColumnInfo, optional
        The columns; those of the fit's own model by default.

    Returns
    -------
    dict
        A value for every column, in the columns' order.
    """
    model, galaxy = fit.model, fit.galaxy
    values: dict[str, Any] = {"name": fit.name}
    for k, column in enumerate(model.columns):
        values[column] = float(fit.parameters[k])
        values[f"{column}_err"] = float(fit.errors[k])
        values[f"{column}_init"] = float(fit.starts[k])
    values["n_neighbours"] = sum(is_neighbour(component.name) for component in model.components)
    covariance = full_covariance(fit)
    derived = _fluxes(fit, covariance)
    for component in model.components:
        # A modified profile's half-light radius is not its r_eff: its surface brightness stays unknown.
        if component.declaration.kind == "elliptical" and not component.modifiers:
            derived |= _brightness(fit, component, covariance, find_half_light)
        if component.declaration.kind != "sky":
            derived |= _sky_position(fit, component)
    derived |= _quality(fit) | _input(galaxy, fit) | _choice(fit)
    values = derived | values
    infos = columns(model) if infos is None else infos
    return {info.name: values.get(info.name, _MISSING[info.dtype]) for info in infos}


def skipped_row(
    name: str,
    model: Model,
    message: str,
    bits: int = int(flags.Flag.SKIPPED),
    infos: Sequence[ColumnInfo] | None = None,
) -> dict[str, Any]:
    """The row of a galaxy that could not be read: its name, flags and reason, the rest missing."""
    known = {
        "name": name,
        "flags": int(bits),
        "flag_names": ",".join(flags.names(bits)),
        "message": message,
        "model": model.name,
    }
    infos = columns(model) if infos is None else infos
    return {info.name: known.get(info.name, _MISSING[info.dtype]) for info in infos}


def full_covariance(fit: GalaxyFit) -> np.ndarray:
    """Covariance of all P parameters: ties followed, zero where a parameter has no error.

    Returns
    -------
    ndarray, (P, P) float64
        In the parameters' own units.
    """
    model = fit.model
    n_all, free = len(model.columns), list(model.free)
    if fit.covariance.shape != (len(free), len(free)):
        return np.zeros((n_all, n_all))
    position = {index: k for k, index in enumerate(free)}
    expansion = np.zeros((n_all, len(free)))
    matrix, _ = model.affine
    for index, k in position.items():
        expansion[:, k] = matrix[:, index]
    return expansion @ np.nan_to_num(fit.covariance, posinf=0.0, neginf=0.0) @ expansion.T


def input_checksum(galaxy: Galaxy) -> str:
    """BLAKE2b (64 bits, hexadecimal) of the arrays that were fitted, however they were stored."""
    digest = hashlib.blake2b(digest_size=8)
    planes = ((galaxy.image, "<f8"), (galaxy.sigma, "<f8"), (galaxy.mask, "|b1"), (galaxy.psf, "<f8"))
    for array, dtype in planes:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array, dtype=dtype).data)
    return digest.hexdigest()


_MISSING: dict[str, Any] = {"text": "", "float": math.nan, "int": -1}


def _fluxes(fit: GalaxyFit, covariance: np.ndarray) -> dict[str, float]:
    """Fluxes, fractions and totals of the components that have a magnitude, with errors; neighbours apart."""
    values: dict[str, float] = {}
    shown = [c.name for c in fit.model.components if c.declaration.kind != "sky"]
    luminous = [name for name in shown if not is_neighbour(name)]
    for name in set(shown) - set(luminous):
        k = fit.model.index(f"{name}_mag")
        flux = float(conventions.mag_to_flux(fit.parameters[k], fit.galaxy.zeropoint))
        error = flux * _LN_FLUX_PER_MAG * float(_errors(covariance[k, k][None, None])[0])
        values |= {f"{name}_flux": flux, f"{name}_flux_err": abs(error)}
    if not luminous:
        return values
    at = [fit.model.index(f"{name}_mag") for name in luminous]
    mags, zeropoint = fit.parameters[at], fit.galaxy.zeropoint
    fluxes = conventions.mag_to_flux(mags, zeropoint)
    total = float(fluxes.sum())
    fractions = fluxes / total if total > 0 else np.full(len(at), math.nan)
    ln_flux_covariance = covariance[np.ix_(at, at)] * _LN_FLUX_PER_MAG**2
    # d f_c = f_c (d ln F_c - sum_k f_k d ln F_k)
    slopes = fractions[:, None] * (np.eye(len(at)) - fractions[None, :])
    fraction_errors = _errors(slopes @ ln_flux_covariance @ slopes.T)
    flux_errors = fluxes * _errors(ln_flux_covariance)
    for k, name in enumerate(luminous):
        values |= {f"{name}_flux": float(fluxes[k]), f"{name}_flux_err": float(flux_errors[k])}
        values |= {f"{name}_fraction": float(fractions[k]), f"{name}_fraction_err": float(fraction_errors[k])}
    values["total_flux"], values["total_mag"] = total, conventions.flux_to_mag(total, zeropoint)
    spread = float(_errors((fractions @ ln_flux_covariance @ fractions)[None, None])[0])
    values["total_mag_err"] = spread * abs(conventions.MAG_PER_LN_FLUX)
    if has_bulge_and_disk(fit.model):
        values |= {"bt": values["bulge_fraction"], "bt_err": values["bulge_fraction_err"]}
    return values


def _errors(covariance: np.ndarray) -> np.ndarray:
    """Roots of the diagonal of a relative covariance; nan where nothing but rounding is left of it."""
    variance = np.diag(covariance)
    return np.sqrt(np.where(variance > 1e-24, variance, math.nan))


def _brightness(
    fit: GalaxyFit, component: Component, covariance: np.ndarray, find_half_light: HalfLightFinder
) -> dict[str, float]:
    """Half-light radius in arcsec and surface brightness, where the pixel scale is known."""
    scale = fit.galaxy.pixel_scale
    part = fit.model.component_slices[component.name]
    names = [p.name for p in component.parameters]
    best = np.asarray(fit.parameters[part], dtype=float)
    if scale is None or not np.isfinite(best).all():
        return {}
    shape_names = [p.name for p in component.declaration.shape]

    def mu(values: np.ndarray) -> np.ndarray:
        named = dict(zip(names, (float(v) for v in values), strict=True))
        light = find_half_light(component.profile, {s: named[s] for s in shape_names})
        pair = surface_brightness(named["mag"], light, named["q"], named["boxiness"], scale)
        return np.array([*pair, light.radius * scale])

    # The centre and the angle change no surface brightness: without their variance no step is spent on them.
    relevant = np.array([name not in ("x", "y", "pa") for name in names])
    error = propagate(mu, best, covariance[part, part] * np.outer(relevant, relevant))
    mu_eff, mean_mu_eff, radius = mu(best)
    c = component.name
    return {
        f"{c}_mu_eff": float(mu_eff),
        f"{c}_mu_eff_err": float(error[0]),
        f"{c}_mean_mu_eff": float(mean_mu_eff),
        f"{c}_r_eff_arcsec": float(radius),
    }


def _sky_position(fit: GalaxyFit, component: Component) -> dict[str, float]:
    """Right ascension, declination and angle on the sky, where the image has a WCS."""
    wcs, c, named = fit.galaxy.wcs, component.name, fit.component(component.name)
    if wcs is None or not math.isfinite(named["x"] + named["y"]):
        return {}
    ra, dec = (float(v) for v in wcs.all_pix2world(named["x"], named["y"], 0))
    values = {f"{c}_ra": ra, f"{c}_dec": dec}
    if "pa" in named:
        values[f"{c}_pa_sky"] = conventions.pa_to_sky(named["pa"], named["x"], named["y"], wcs)
    return values


def _quality(fit: GalaxyFit) -> dict[str, Any]:
    return {
        "chi2": float(fit.chi2),
        "chi2_nu": float(fit.chi2_nu),
        "likelihood": fit.likelihood,
        "cost": float(fit.cost),
        "student_nu": float(fit.student_nu),
        "n_pixels": int(fit.n_pixels),
        "n_free": int(fit.n_free),
        "iterations": int(fit.iterations),
        "seconds": float(fit.seconds),
        "flags": int(fit.flags),
        "flag_names": ",".join(fit.flag_names),
        "message": fit.message or "; ".join(fit.galaxy.notes),
        "snr": _signal_to_noise(fit),
    }


def _choice(fit: GalaxyFit) -> dict[str, Any]:
    if fit.choice is None:
        return {}
    tried = {bic_column(name): float(bic) for name, bic in fit.choice.tried.items()}
    return {"model_reason": fit.choice.reason, "bic": float(fit.choice.bic)} | tried


def _signal_to_noise(fit: GalaxyFit) -> float:
    """Signal to noise of the model's light, which is that of an optimal filter."""
    if fit.model_image is None or not fit.usable:
        return math.nan
    light = np.asarray(fit.model_image, dtype=float)
    if fit.component_images is not None:
        others = [is_neighbour(component.name) for component in fit.model.components]
        light = light - fit.component_images[others].sum(0)
    height, width = light.shape
    for component in fit.model.components:
        if component.declaration.kind != "sky":
            continue
        sky = fit.component(component.name)
        light = light - sky["level"]
        if "slope_x" in sky:
            x, y = np.arange(width) - 0.5 * (width - 1), np.arange(height) - 0.5 * (height - 1)
            light = light - sky["slope_x"] * x - sky["slope_y"] * y[:, None]
    return float(np.sqrt(np.sum((light / fit.galaxy.sigma)[~fit.galaxy.mask] ** 2)))


def _input(galaxy: Galaxy, fit: GalaxyFit) -> dict[str, Any]:
    height, width = galaxy.image.shape
    return {
        "model": fit.model.name,
        "zeropoint": float(galaxy.zeropoint),
        "pixel_scale": math.nan if galaxy.pixel_scale is None else float(galaxy.pixel_scale),
        "image_width": width,
        "image_height": height,
        "sigma_origin": galaxy.sigma_origin,
        "psf_kind": fit.psf_kind if galaxy.psf is not None else "",
        "error_kind": fit.error_kind,
        "input_checksum": input_checksum(galaxy),
    }


__all__ = [
    "TIME_COLUMNS",
    "ColumnInfo",
    "HalfLightFinder",
    "choice_columns",
    "columns",
    "full_covariance",
    "input_checksum",
    "is_neighbour",
    "row",
    "skipped_row",
]
