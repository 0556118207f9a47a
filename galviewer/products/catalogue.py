"""The columns of a catalogue, each with unit and description, and one galaxy's values for them.

Order: ``name``; per component its parameters, each with ``_err`` and ``_init``, then what follows from them;
totals; the quality of the fit; the input. Missing values are nan, empty text, or -1 for counts.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from galviewer import conventions, flags
from galviewer.products.fitted import GalaxyFit
from galviewer.products.photometry import HalfLight, half_light, propagate, surface_brightness

if TYPE_CHECKING:
    from galviewer.model import Component, Model
    from galviewer.survey import Galaxy

HalfLightFinder = Callable[[str, dict[str, float]], HalfLight]
"""``finder(profile, shape parameters) -> HalfLight``, as `photometry.half_light`."""

_LN_FLUX_PER_MAG = 1.0 / conventions.MAG_PER_LN_FLUX


class ColumnInfo(NamedTuple):
    """One column of a catalogue.

    Parameters
    ----------
    name : str
        As in every exported table.
    unit : str
        Empty when dimensionless; "image unit" is whatever the galaxy's pixels are in.
    description : str
        One line.
    dtype : {"text", "float", "int"}
        UTF-8 text, 64-bit float (nan = missing), 64-bit integer.
    """

    name: str
    unit: str
    description: str
    dtype: Literal["text", "float", "int"] = "float"


TIME_COLUMNS = ("seconds",)
"""Columns that differ between two runs of the same fit."""

_NAME = ColumnInfo("name", "", "galaxy, as named by its files or table", "text")

_TOTALS = (
    ColumnInfo("total_flux", "image unit", "flux of all components except the sky"),
    ColumnInfo("total_mag", "mag", "magnitude of all components except the sky"),
    ColumnInfo("total_mag_err", "mag", "one standard deviation of total_mag, with the covariance"),
)

_BT = (
    ColumnInfo("bt", "", "bulge-to-total flux ratio"),
    ColumnInfo("bt_err", "", "one standard deviation of bt"),
)

_QUALITY = (
    ColumnInfo("chi2", "", "sum of ((data - model) / sigma)^2 over unmasked pixels"),
    ColumnInfo("chi2_nu", "", "chi2 per degree of freedom, n_pixels - n_free"),
    ColumnInfo("n_pixels", "", "unmasked pixels", "int"),
    ColumnInfo("n_free", "", "free parameters", "int"),
    ColumnInfo("iterations", "", "steps the fit took", "int"),
    ColumnInfo("seconds", "s", "this galaxy's share of its batch's time"),
    ColumnInfo("flags", "", "outcome, one bit per flag; 0 is a clean fit", "int"),
    ColumnInfo("flag_names", "", "names of the flags set, separated by commas", "text"),
    ColumnInfo("message", "", "what failed or was repaired, in words", "text"),
    ColumnInfo(
        "snr", "", "signal to noise: root of the sum of (model without sky / sigma)^2 over the pixels"
    ),
)

_INPUT = (
    ColumnInfo("model", "", "name of the model fitted", "text"),
    ColumnInfo("zeropoint", "mag", "magnitude of one image unit"),
    ColumnInfo("pixel_scale", "arcsec / pixel", "side of a pixel; nan where unknown"),
    ColumnInfo("image_width", "pixel", "columns of the image", "int"),
    ColumnInfo("image_height", "pixel", "rows of the image", "int"),
    ColumnInfo("sigma_origin", "", "origin of sigma: file, gain (gain and read noise) or background", "text"),
    ColumnInfo("psf_kind", "", "effective (contains the pixel), optical (does not) or none", "text"),
    ColumnInfo("input_checksum", "", "BLAKE2b of image, sigma, mask and PSF as they were fitted", "text"),
)


def columns(model: Model) -> tuple[ColumnInfo, ...]:
    """All columns of a catalogue of fits of `model`, in order.

    Parameters
    ----------
    model : Model
        The fitted model.

    Returns
    -------
    tuple of ColumnInfo
        Each name once.
    """
    infos = [_NAME]
    for component in model.components:
        infos += _parameter_columns(component)
        infos += _derived_columns(component)
    infos += _TOTALS
    if _has_bulge_and_disk(model):
        infos += _BT
    infos += [*_QUALITY, *_INPUT]
    unique: dict[str, ColumnInfo] = {}
    for info in infos:
        unique.setdefault(info.name, info)
    return tuple(unique.values())


def row(fit: GalaxyFit, find_half_light: HalfLightFinder = half_light) -> dict[str, Any]:
    """One galaxy's values for `columns(fit.model)`.

    Parameters
    ----------
    fit : GalaxyFit
        The fit, with its model image for the signal to noise.
    find_half_light : callable
        Half-light radius of a profile; replace it for profiles without a closed form.

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
    covariance = full_covariance(fit)
    derived = _fluxes(fit, covariance)
    for component in model.components:
        if component.declaration.kind == "elliptical":
            derived |= _brightness(fit, component, covariance, find_half_light)
        if component.declaration.kind != "sky":
            derived |= _sky_position(fit, component)
    derived |= _quality(fit) | _input(galaxy, fit)
    values = derived | values
    return {info.name: values.get(info.name, _MISSING[info.dtype]) for info in columns(model)}


def skipped_row(name: str, model: Model, message: str, bits: int = int(flags.Flag.SKIPPED)) -> dict[str, Any]:
    """The row of a galaxy that could not be read: its name, flags and reason, the rest missing."""
    known = {
        "name": name,
        "flags": int(bits),
        "flag_names": ",".join(flags.names(bits)),
        "message": message,
        "model": model.name,
    }
    return {info.name: known.get(info.name, _MISSING[info.dtype]) for info in columns(model)}


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


def _parameter_columns(component: Component) -> list[ColumnInfo]:
    infos = []
    for parameter in component.parameters:
        name = f"{component.name}_{parameter.name}"
        infos += [
            ColumnInfo(name, parameter.unit, f"{component.name}: {_without_accents(parameter.meaning)}"),
            ColumnInfo(
                f"{name}_err", parameter.unit, f"one standard deviation of {name}; nan where there is none"
            ),
            ColumnInfo(f"{name}_init", parameter.unit, f"value of {name} the fit started from"),
        ]
    return infos


def _without_accents(text: str) -> str:
    """ASCII for FITS headers: Sérsic as Sersic."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _derived_columns(component: Component) -> list[ColumnInfo]:
    """What follows from a component's parameters; nothing for sky."""
    c, kind = component.name, component.declaration.kind
    if kind == "sky":
        return []
    infos = [
        ColumnInfo(f"{c}_flux", "image unit", f"{c}: total flux, to infinite radius"),
        ColumnInfo(f"{c}_flux_err", "image unit", f"one standard deviation of {c}_flux"),
        ColumnInfo(f"{c}_fraction", "", f"{c}: flux over that of all components except the sky"),
        ColumnInfo(f"{c}_fraction_err", "", f"one standard deviation of {c}_fraction, with the covariance"),
        ColumnInfo(f"{c}_ra", "deg", f"{c}: right ascension of the centre; nan without WCS"),
        ColumnInfo(f"{c}_dec", "deg", f"{c}: declination of the centre; nan without WCS"),
    ]
    if kind == "elliptical":
        infos += [
            ColumnInfo(f"{c}_pa_sky", "deg", f"{c}: position angle on the sky, north through east, 0 to 180"),
            ColumnInfo(f"{c}_r_eff_arcsec", "arcsec", f"{c}: half-light radius along the major axis"),
            ColumnInfo(f"{c}_mu_eff", "mag / arcsec2", f"{c}: surface brightness at the half-light radius"),
            ColumnInfo(f"{c}_mu_eff_err", "mag / arcsec2", f"one standard deviation of {c}_mu_eff"),
            ColumnInfo(f"{c}_mean_mu_eff", "mag / arcsec2", f"{c}: mean surface brightness within it"),
        ]
    return infos


def _has_bulge_and_disk(model: Model) -> bool:
    return {"bulge", "disk"} <= {c.name for c in model.components if c.declaration.kind == "elliptical"}


def _fluxes(fit: GalaxyFit, covariance: np.ndarray) -> dict[str, float]:
    """Fluxes, fractions and totals of the components that have a magnitude, with errors."""
    luminous = [c.name for c in fit.model.components if c.declaration.kind != "sky"]
    if not luminous:
        return {}
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
    values: dict[str, float] = {}
    for k, name in enumerate(luminous):
        values |= {f"{name}_flux": float(fluxes[k]), f"{name}_flux_err": float(flux_errors[k])}
        values |= {f"{name}_fraction": float(fractions[k]), f"{name}_fraction_err": float(fraction_errors[k])}
    values["total_flux"], values["total_mag"] = total, conventions.flux_to_mag(total, zeropoint)
    spread = float(_errors((fractions @ ln_flux_covariance @ fractions)[None, None])[0])
    values["total_mag_err"] = spread * abs(conventions.MAG_PER_LN_FLUX)
    if _has_bulge_and_disk(fit.model):
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
        "n_pixels": int(fit.n_pixels),
        "n_free": int(fit.n_free),
        "iterations": int(fit.iterations),
        "seconds": float(fit.seconds),
        "flags": int(fit.flags),
        "flag_names": ",".join(fit.flag_names),
        "message": fit.message or "; ".join(fit.galaxy.notes),
        "snr": _signal_to_noise(fit),
    }


def _signal_to_noise(fit: GalaxyFit) -> float:
    """Signal to noise of the model's light, which is that of an optimal filter."""
    if fit.model_image is None or not fit.usable:
        return math.nan
    light = np.asarray(fit.model_image, dtype=float)
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
        "input_checksum": input_checksum(galaxy),
    }
