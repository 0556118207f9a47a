"""The columns of a catalogue, each with unit and description, for one model or for a choice of several.

Order: ``name``; per component its parameters, each with ``_err`` and ``_init``, then what follows from them;
totals; the quality of the fit; the input; the choice of the model, where there was one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from galviewer.model import Component, Model


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
    ColumnInfo("total_flux", "image unit", "flux of all components except sky and neighbours"),
    ColumnInfo("total_mag", "mag", "magnitude of all components except sky and neighbours"),
    ColumnInfo("total_mag_err", "mag", "one standard deviation of total_mag, with the covariance"),
)

_BT = (
    ColumnInfo("bt", "", "bulge-to-total flux ratio"),
    ColumnInfo("bt_err", "", "one standard deviation of bt"),
)

_QUALITY = (
    ColumnInfo("chi2", "", "sum of ((data - model) / sigma)^2 over unmasked pixels"),
    ColumnInfo("chi2_nu", "", "chi2 per degree of freedom, n_pixels - n_free"),
    ColumnInfo("likelihood", "", "what a pixel off the model cost: chi2, poisson, student_t, ...", "text"),
    ColumnInfo("cost", "", "-2 ln posterior up to a constant that the fit lowered; chi2 by default"),
    ColumnInfo("student_nu", "", "degrees of freedom of Student's t, as given or fitted; nan for others"),
    ColumnInfo("n_pixels", "", "unmasked pixels", "int"),
    ColumnInfo("n_free", "", "free parameters", "int"),
    ColumnInfo("iterations", "", "steps the fit took", "int"),
    ColumnInfo("seconds", "s", "this galaxy's share of its batch's time"),
    ColumnInfo("flags", "", "outcome, one bit per flag; 0 is a clean fit", "int"),
    ColumnInfo("flag_names", "", "names of the flags set, separated by commas", "text"),
    ColumnInfo("message", "", "what failed or was repaired, in words", "text"),
    ColumnInfo("snr", "", "signal to noise: root of the sum of (model without sky and neighbours / sigma)^2"),
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


ERROR_KIND = ColumnInfo(
    "error_kind", "", "origin of all _err columns: covariance, or bootstrap where that was asked for", "text"
)
"""In catalogues of runs with errors from a bootstrap only."""

_N_NEIGHBOURS = ColumnInfo("n_neighbours", "", "neighbours fitted together with the galaxy", "int")

_CHOICE = (
    ColumnInfo("model_reason", "", "why this model was chosen, in words", "text"),
    ColumnInfo("bic", "", "Bayesian information criterion of the chosen model"),
)

_NEIGHBOUR = re.compile(r"neighbour\d*\Z")


def is_neighbour(component: str) -> bool:
    """Whether a component's name says that it is no part of the galaxy: neighbour1, neighbour2, ..."""
    return _NEIGHBOUR.match(component) is not None


def bic_column(model: str) -> str:
    """The column for the BIC of a model that was tried, by its name."""
    return "bic_" + re.sub(r"\W", "_", model)


def choice_columns(models: Sequence[Model]) -> tuple[ColumnInfo, ...]:
    """All columns of a catalogue in which each galaxy has the best of several models, in order.

    Parameters
    ----------
    models : sequence of Model
        Every model that a galaxy may have.

    Returns
    -------
    tuple of ColumnInfo
        Components first, those of all models; a galaxy's missing ones are nan.
    """
    known: dict[str, ColumnInfo] = {}
    for model in models:
        for info in columns(model):
            known.setdefault(info.name, info)
    common = [info for info in columns(models[0]) if all(info in columns(model) for model in models)]
    ends = common[common.index(_TOTALS[0]) :]
    bic = [ColumnInfo(bic_column(m.name), "", f"BIC of {m.name}; nan where not tried") for m in models]
    front = [info for info in known.values() if info not in ends]
    return (*front, *ends, *_CHOICE, *bic)


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
    if has_bulge_and_disk(model):
        infos += _BT
    infos += [*_QUALITY, _N_NEIGHBOURS, *_INPUT]
    unique: dict[str, ColumnInfo] = {}
    for info in infos:
        unique.setdefault(info.name, info)
    return tuple(unique.values())


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
        ColumnInfo(f"{c}_fraction", "", f"{c}: flux over that of all components except sky and neighbours"),
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


def has_bulge_and_disk(model: Model) -> bool:
    """Whether a bulge-to-total ratio makes sense."""
    return {"bulge", "disk"} <= {c.name for c in model.components if c.declaration.kind == "elliptical"}
