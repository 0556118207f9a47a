"""One FITS file per galaxy: what went in, what came out, and how.

Extensions: an empty primary with the outcome; DATA, MODEL, RESIDUAL, SIGMA, MASK, PSF; one per component
by its upper-case name; PARAMETERS (values, errors, starts, bounds, ties), COVARIANCE of the free ones, and
INPUT (the model as TOML and what else is needed to rebuild the fit, as JSON). Every image carries the WCS.
The primary's ``1_XC``, ``1_MAG``, ... follow GALFIT (pixels from 1, ``value +/- error``, [fixed], {tied})
where GALFIT has such a keyword.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import conventions
from galviewer.errors import GalviewerError, RunError
from galviewer.products.files import replacing
from galviewer.products.fitsfile import Card, image, lossless, primary, table
from galviewer.products.fitted import GalaxyFit
from galviewer.products.photometry import sersic_b

if TYPE_CHECKING:
    from astropy.io import fits
    from astropy.wcs import WCS

    from galviewer.model import Component, Model, Parameter
    from galviewer.survey import Galaxy

RESERVED = (
    "PRIMARY",
    "DATA",
    "MODEL",
    "RESIDUAL",
    "SIGMA",
    "MASK",
    "PSF",
    "PARAMETERS",
    "COVARIANCE",
    "INPUT",
)
"""Extension names that no component gets; one so named becomes COMPONENT_<NAME>."""

_GALFIT_PROFILES = {
    "sersic": "sersic",
    "exponential": "expdisk",
    "de_vaucouleurs": "devauc",
    "edge_on": "edgedisk",
    "gaussian": "gaussian",
    "moffat": "moffat",
    "point": "psf",
    "flat_sky": "sky",
    "tilted_sky": "sky",
}
_GALFIT_KEYS = {
    "x": "XC", "y": "YC", "mag": "MAG", "r_eff": "RE", "n": "N", "fwhm": "FWHM", "beta": "C", "q": "AR",
    "pa": "PA", "boxiness": "C0", "level": "SKY", "slope_x": "DSDX", "slope_y": "DSDY",
}  # fmt: skip


def write_block(
    fit: GalaxyFit, path: str | Path, settings_hash: str = "", versions: Mapping[str, str] | None = None
) -> None:
    """Write a galaxy's block; it is there completely or not at all.

    Parameters
    ----------
    fit : GalaxyFit
        The fit; images that are None are left out.
    path : path
        File to create or replace.
    settings_hash : str
        Identifies the run's settings and model.
    versions : mapping, optional
        Package name to version.

    Raises
    ------
    RunError
        If the file cannot be written.
    """
    world = _wcs_cards(fit.galaxy.wcs)
    unit = [Card("BUNIT", str(fit.galaxy.header["BUNIT"]))] if "BUNIT" in fit.galaxy.header else []
    pixels = [*unit, *world]
    parts = [primary(_primary_cards(fit, settings_hash, versions or {}))]
    parts.append(image("DATA", lossless(fit.galaxy.image), pixels))
    if fit.model_image is not None and fit.residual is not None:
        parts.append(image("MODEL", np.asarray(fit.model_image, dtype=np.float32), pixels))
        parts.append(image("RESIDUAL", fit.residual, pixels))
    parts.append(image("SIGMA", lossless(fit.galaxy.sigma), pixels))
    parts.append(
        image("MASK", fit.galaxy.mask, [*world, Card("MASKED", 1, "value of pixels that are ignored")])
    )
    if fit.galaxy.psf is not None:
        parts.append(image("PSF", lossless(fit.galaxy.psf), [Card("OVERSAMP", fit.galaxy.psf_oversample)]))
    if fit.component_images is not None:
        for component, plane in zip(fit.model.components, fit.component_images, strict=True):
            cards = [*pixels, Card("PROFILE", component.profile)]
            parts.append(image(extension_name(component.name), np.asarray(plane, dtype=np.float32), cards))
    parts.append(table("PARAMETERS", _parameter_columns(fit)))
    if fit.covariance.size:
        parts.append(image("COVARIANCE", np.asarray(fit.covariance, dtype=np.float64)))
    parts.append(table("INPUT", _input_columns(fit)))
    with replacing(path) as partial:
        partial.write_bytes(b"".join(parts))


def read_block(path: str | Path) -> GalaxyFit:
    """The fit that `write_block` wrote, with its galaxy and images.

    Parameters
    ----------
    path : path
        A block.

    Raises
    ------
    RunError
        If the file is missing, damaged or no block.
    ModelError
        If its model uses a profile that is not known here.
    """
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyUserWarning)  # "file may have been truncated"
            with fits.open(path, memmap=False) as hdus:
                return _from_hdus(hdus)
    except FileNotFoundError:
        raise RunError(str(path), "not found", "a block of a run", "fit this galaxy first") from None
    except (OSError, LookupError, ValueError, TypeError, AstropyUserWarning) as error:
        if isinstance(error, GalviewerError):
            raise
        raise RunError(
            str(path),
            f"is not a complete block ({error})",
            "a file written by galviewer",
            "fit this galaxy again",
        ) from error


def extension_name(component: str) -> str:
    """EXTNAME of a component's image."""
    name = component.upper()
    return f"COMPONENT_{name}" if name in RESERVED else name


def _primary_cards(fit: GalaxyFit, settings_hash: str, versions: Mapping[str, str]) -> list[Card]:
    galaxy = fit.galaxy
    cards = [
        Card("OBJECT", fit.name, "galaxy"),
        Card("MODELNAM", fit.model.name, "model fitted"),
        Card("CHISQ", fit.chi2, "sum of ((data - model)/sigma)^2"),
        Card("CHI2NU", fit.chi2_nu, "chi2 per degree of freedom"),
        Card("NPIX", fit.n_pixels, "unmasked pixels"),
        Card("NFREE", fit.n_free, "free parameters"),
        Card("NDOF", fit.n_pixels - fit.n_free, "degrees of freedom"),
        Card("NITER", fit.iterations, "steps of the fit"),
        Card("FLAGS", fit.flags, "bits, 0 = clean"),
        Card("FLAGNAME", ",".join(fit.flag_names), "names of the flags"),
        Card("MESSAGE", fit.message, "in full in INPUT"),
        Card("MAGZPT", galaxy.zeropoint, "magnitude of one image unit"),
        Card("PIXSCALE", galaxy.pixel_scale, "arcsec / pixel"),
        Card("SIGMAORG", galaxy.sigma_origin, "where sigma came from"),
        Card("PSFKIND", fit.psf_kind, "effective: contains the pixel"),
        Card("SETTINGS", settings_hash, "hash of model and settings"),
    ]
    cards += [
        Card(f"VERS{k}", f"{name} {version}") for k, (name, version) in enumerate(versions.items(), start=1)
    ]
    for number, component in enumerate(fit.model.components, start=1):
        cards += _galfit_cards(fit, component, number)
    return cards


def _galfit_cards(fit: GalaxyFit, component: Component, number: int) -> list[Card]:
    """``COMP_1``, ``1_XC``, ...: as in the header of GALFIT's model image."""
    cards = [
        Card(f"COMP_{number}", _GALFIT_PROFILES.get(component.profile, component.profile), component.name)
    ]
    part = fit.model.component_slices[component.name]
    values, errors = fit.parameters[part], fit.errors[part]
    for parameter, value, error in zip(component.parameters, values, errors, strict=True):
        key = _GALFIT_KEYS.get(parameter.name)
        if key is None or (parameter.name == "boxiness" and not parameter.free and value == 0):
            continue
        if component.profile == "exponential" and parameter.name == "r_eff":  # GALFIT gives the scale length
            key, value, error = "RS", value / sersic_b(1.0), error / sersic_b(1.0)
        if parameter.name in ("x", "y"):
            value = conventions.to_fits_pixel(value)
        cards.append(Card(f"{number}_{key}", _galfit_text(parameter, value, error), parameter.unit))
    return cards


def _galfit_text(parameter: Parameter, value: float, error: float) -> str:
    if parameter.fixed:
        return f"[{value:.6g}]"
    if parameter.tied is not None:
        return f"{{{value:.6g}}}"
    digits = 4
    if math.isfinite(error) and error > 0:
        digits = min(max(2 - math.floor(math.log10(error)), 2), 9)
        return f"{value:.{digits}f} +/- {error:.{digits}f}"
    return f"{value:.{digits}f} +/- nan"


def _wcs_cards(wcs: WCS | None) -> list[Card]:
    """The celestial WCS; distortions by polynomials included."""
    if wcs is None:
        return []
    header = wcs.to_header(relax=True)
    return [Card(card.keyword, card.value, card.comment) for card in header.cards if len(card.keyword) <= 8]


def _parameter_columns(fit: GalaxyFit) -> dict[str, list[Any]]:
    """One row per parameter: result and description, enough to rebuild the model."""
    rows = []
    for component in fit.model.components:
        for parameter in component.parameters:
            k = len(rows)
            tie = parameter.tied
            rows.append(
                {
                    "name": fit.model.columns[k],
                    "value": float(fit.parameters[k]),
                    "error": float(fit.errors[k]),
                    "start": float(fit.starts[k]),
                    "unit": parameter.unit,
                    "component": component.name,
                    "profile": component.profile,
                    "parameter": parameter.name,
                    "lower": float(parameter.lower),
                    "upper": float(parameter.upper),
                    "fixed": parameter.fixed,
                    "model_start": math.nan if parameter.start is None else float(parameter.start),
                    "tied_to": "" if tie is None else tie.to,
                    "tie_factor": math.nan if tie is None else float(tie.factor),
                    "tie_offset": math.nan if tie is None else float(tie.offset),
                    "meaning": parameter.meaning,
                }
            )
    return {key: [row[key] for row in rows] for key in rows[0]}


def _input_columns(fit: GalaxyFit) -> dict[str, list[str]]:
    """What the other extensions cannot hold exactly, as JSON (ASCII whatever the language)."""
    galaxy = fit.galaxy
    values: dict[str, Any] = {
        "name": fit.name,
        "model": fit.model.name,
        "model_toml": _model_text(fit.model),
        "message": fit.message,
        "psf_kind": fit.psf_kind,
        "error_kind": fit.error_kind,
        "chi2": fit.chi2,
        "chi2_nu": fit.chi2_nu,
        "likelihood": fit.likelihood,
        "cost": fit.cost,
        "student_nu": fit.student_nu,
        "counting": [fit.galaxy.gain, fit.galaxy.sky_level, fit.galaxy.read_noise],
        "given": fit.galaxy.given,
        "seconds": fit.seconds,
        "sigma_origin": galaxy.sigma_origin,
        "centre": galaxy.centre,
        "notes": galaxy.notes,
        "input_flags": int(galaxy.flags),
        "paths": galaxy.paths,
        "header": galaxy.header,
        "zeropoint": galaxy.zeropoint,
        "pixel_scale": galaxy.pixel_scale,
        "psf_oversample": galaxy.psf_oversample,
    }
    return {"key": list(values), "value": [json.dumps(value, default=_plain) for value in values.values()]}


def _plain(value: Any) -> Any:
    """Scalars of numpy as Python numbers, anything else as text."""
    return value.item() if isinstance(value, np.generic) else str(value)


def _from_hdus(hdus: Any) -> GalaxyFit:
    rows = hdus["INPUT"].data
    known = {str(row["key"]): json.loads(str(row["value"])) for row in rows}
    parameters = hdus["PARAMETERS"].data
    head = hdus[0].header
    model = _model(parameters, known["model"], known.get("model_toml"))
    names = {hdu.name for hdu in hdus}
    planes = [extension_name(component.name) for component in model.components]
    components = np.stack([_native(hdus[p].data) for p in planes]) if set(planes) <= names else None
    return GalaxyFit(
        name=known["name"],
        model=model,
        parameters=_native(parameters["value"]),
        errors=_native(parameters["error"]),
        starts=_native(parameters["start"]),
        chi2=known["chi2"],
        chi2_nu=known["chi2_nu"],
        likelihood=known.get("likelihood", "chi2"),
        cost=known.get("cost", np.nan),
        student_nu=known.get("student_nu", np.nan),
        n_pixels=int(head["NPIX"]),
        n_free=int(head["NFREE"]),
        iterations=int(head["NITER"]),
        seconds=known["seconds"],
        flags=int(head["FLAGS"]),
        galaxy=_galaxy(hdus, known, names),
        covariance=_native(hdus["COVARIANCE"].data) if "COVARIANCE" in names else np.zeros((0, 0)),
        model_image=_native(hdus["MODEL"].data) if "MODEL" in names else None,
        component_images=components,
        message=known["message"],
        psf_kind=known["psf_kind"],
        error_kind=known.get("error_kind", "covariance"),
    )


def _galaxy(hdus: Any, known: dict[str, Any], names: set[str]) -> Galaxy:
    from galviewer.survey import Galaxy

    header = hdus["DATA"].header
    return Galaxy(
        name=known["name"],
        image=_native(hdus["DATA"].data, np.float64),
        sigma=_native(hdus["SIGMA"].data, np.float64),
        mask=_native(hdus["MASK"].data, bool),
        psf=_native(hdus["PSF"].data, np.float64) if "PSF" in names else None,
        psf_oversample=known["psf_oversample"],
        zeropoint=known["zeropoint"],
        pixel_scale=known["pixel_scale"],
        wcs=_wcs(header) if "CTYPE1" in header else None,
        sigma_origin=known["sigma_origin"],
        centre=None if known["centre"] is None else tuple(known["centre"]),
        notes=tuple(known["notes"]),
        flags=known["input_flags"],
        paths=known["paths"],
        header=known["header"],
        **dict(zip(("gain", "sky_level", "read_noise"), known.get("counting", ()), strict=False)),
        given=known.get("given", {}),
    )


def _wcs(header: fits.Header) -> WCS:
    from astropy.wcs import WCS, FITSFixedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def _native(array: np.ndarray, dtype: Any = None) -> np.ndarray:
    """In the machine's byte order, read-only."""
    native = np.ascontiguousarray(array, dtype=dtype or array.dtype.newbyteorder("="))
    native.flags.writeable = False
    return native


def _model_text(model: Model) -> str:
    """The model as TOML; bounds and starts stand in PARAMETERS too, for other programs."""
    from galviewer.model import to_toml

    return to_toml(model)


def _model(rows: Any, name: str, text: str | None = None) -> Model:
    """The model of INPUT's TOML, or, in blocks without, the one that the rows of PARAMETERS describe."""
    from galviewer.model import Component, Model, Tie, from_toml

    if text is not None:
        return from_toml(text, whose="the block's model")
    components: dict[str, Component] = {}
    for row in rows:
        key, parameter = str(row["component"]), str(row["parameter"])
        component = components.get(key) or Component(key, str(row["profile"]))
        start = float(row["model_start"])
        tie = (
            Tie(str(row["tied_to"]), float(row["tie_factor"]), float(row["tie_offset"]))
            if row["tied_to"]
            else None
        )
        components[key] = component.replace(
            parameter,
            start=None if math.isnan(start) else start,
            lower=float(row["lower"]),
            upper=float(row["upper"]),
            fixed=bool(row["fixed"]),
            tied=tie,
        )
    return Model(tuple(components.values()), name=name)
