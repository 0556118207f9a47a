"""The short way in: one image, or one folder, fitted in one call.

Thin over `galviewer.Galaxy.from_arrays`, `galviewer.fit_galaxies` and `galviewer.execute`, which take every
setting; start there when a call here is not enough.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.errors import InputError, SettingsError
from galviewer.model import Model, load
from galviewer.survey import Entry, Galaxy, SurveySettings, read

if TYPE_CHECKING:
    from galviewer.fit import FitSettings
    from galviewer.products import GalaxyFit
    from galviewer.run import RunView

_SETTINGS = ("zeropoint", "pixel_scale", "gain", "read_noise", "sky_level", "psf_oversample", "image_hdu")
"""What may be said of an image that is read from a file."""


def fit_image(
    image: Any,
    sigma: Any = None,
    psf: Any = None,
    mask: Any = None,
    model: Model | str = "sersic",
    *,
    starts: dict[str, float] | np.ndarray | None = None,
    settings: FitSettings | None = None,
    **galaxy: Any,
) -> GalaxyFit:
    """Fit a model to one image.

    Parameters
    ----------
    image : array_like (H, W), path, astropy NDData or CCDData, or Galaxy
        NDData brings its uncertainty, mask, PSF, WCS and header; a file those its header knows.
    sigma, psf, mask : array_like or path, optional
        Noise (H, W), PSF stamp of any sum, pixels to ignore (H, W). Files only where the image is one.
    model : Model or str
        What is fitted: a model, a template's name such as "bulge+disk", a TOML file, or "auto" for the best
        of several.
    starts : mapping of column to value, or ndarray (P,), optional
        Start values, e.g. ``{"bulge_n": 4, "disk_r_eff": 18}``; what is not given is measured on the pixels.
    settings : FitSettings, optional
        How to fit.
    **galaxy
        Further facts: `name`, `zeropoint`, `pixel_scale`, `gain`, `centre`, ... as in `Galaxy.from_arrays`.

    Returns
    -------
    GalaxyFit
        With its images; print it, or see ``fit.summary()``. A fit that fails has flags and a message.

    Raises
    ------
    InputError
        If an array or file cannot be used.
    SettingsError, ModelError
        If a setting or the model makes no sense.
    """
    from galviewer.run.ladder import is_ladder
    from galviewer.run.single import fit_galaxies

    target = _galaxy(image, sigma, psf, mask, galaxy)
    if isinstance(model, str) and is_ladder(model):
        if starts is not None:
            raise SettingsError("starts", f"given for model {model!r}", "one model", "or no start values")
        return fit_galaxies([target], model, settings)[0]
    model = load(model) if isinstance(model, str) else model
    return fit_galaxies([target], model, settings, [_starts(target, model, starts)])[0]


def fit_folder(
    folder: str | Path,
    model: Model | str = "sersic",
    out: str | Path | None = None,
    **settings: Any,
) -> RunView:
    """Fit every galaxy of a folder into a run directory; the same call goes on where it was stopped.

    Parameters
    ----------
    folder : path
        Folder of FITS files, or a table of paths.
    model : Model or str
        What is fitted: a model, a template's name, a TOML file, or "auto" for the best of several.
    out : path, optional
        Run directory; by default FOLDER_MODEL here.
    **settings
        Fields of `galviewer.RunSettings` (device, limit, blocks, ...), of `galviewer.SurveySettings`
        (zeropoint, psf, pixel_scale, ...), and of `galviewer.FitSettings` (likelihood, method, ...).

    Returns
    -------
    RunView
        ``view.catalogue()`` is an astropy table, ``view.fitted(name)`` one galaxy's fit.

    Raises
    ------
    SettingsError, ModelError, RunError
        If a setting or the model makes no sense, or the directory holds another run.
    """
    from galviewer import run
    from galviewer.run import ladder

    if isinstance(model, str) and ladder.is_ladder(model):
        settings, model = {**settings, "ladder": model}, ladder.lowest_rung(model)
    model = load(model) if isinstance(model, str) else model
    name = settings.get("ladder") or model.name or "fit"
    where = Path(out) if out is not None else Path(f"{Path(folder).name}_{name}")
    chosen = run.RunSettings(folder=str(folder), out=str(where), model=model, **_sorted(settings))
    run.execute(chosen)
    return run.open(where)


def figure(fit: GalaxyFit, paths: Any = (), **more: Any) -> Any:
    """Draw a fit for a paper; see `galviewer.products.figures.figure`."""
    from galviewer.products import figures

    return figures.figure(fit, paths, **more)


def companions(fit: GalaxyFit) -> dict[str, Any]:
    """Non-parametric quantities of a fit; see `galviewer.products.companions.companions`."""
    from galviewer.products.companions import companions as measure

    return measure(fit)


def _galaxy(image: Any, sigma: Any, psf: Any, mask: Any, facts: dict[str, Any]) -> Galaxy:
    """The galaxy that all this describes."""
    given = {"sigma": sigma, "psf": psf, "mask": mask}
    if isinstance(image, Galaxy):
        extra = [*(role for role, value in given.items() if value is not None), *facts]
        if extra:
            raise SettingsError(
                image.name, f"is a Galaxy and {', '.join(extra)} was given", "only one of the two"
            )
        return image
    if isinstance(image, str | Path):
        return _from_files(image, given, facts)
    if hasattr(image, "uncertainty") and hasattr(image, "data"):
        facts = _of_nddata(image, given) | facts
        image = image.data
    arrays = {role: value for role, value in given.items() if value is not None}
    paths = [role for role, value in arrays.items() if isinstance(value, str | Path)]
    if paths:
        raise SettingsError(
            ", ".join(paths), "is a file while the image is an array", "both arrays or both files"
        )
    return Galaxy.from_arrays(
        np.asarray(image), **(arrays | {k: v for k, v in facts.items() if k not in arrays})
    )


def _from_files(image: str | Path, given: dict[str, Any], facts: dict[str, Any]) -> Galaxy:
    """A galaxy of files, read as those of a folder are."""
    paths = {"image": str(image)}
    for role, value in (given | {k: facts.pop(k, None) for k in ("ivar", "seg")}).items():
        if value is not None and not isinstance(value, str | Path):
            raise SettingsError(role, "is an array while the image is a file", "both arrays or both files")
        if value is not None:
            paths[role] = str(value)
    name = str(facts.pop("name", Path(image).name.split(".fit")[0].removesuffix("_image")))
    x, y = facts.pop("centre", None) or (None, None)
    target = facts.pop("target", None)
    unknown = set(facts) - set(_SETTINGS)
    if unknown:
        raise SettingsError(
            ", ".join(sorted(unknown)), "is no fact about a file", "one of " + ", ".join(_SETTINGS)
        )
    return read(Entry(name, paths, x=x, y=y, target=target), SurveySettings(**facts))


def _of_nddata(image: Any, given: dict[str, Any]) -> dict[str, Any]:
    """What an NDData knows and nobody else said: noise, mask, PSF, WCS, header."""
    facts: dict[str, Any] = {}
    noise = image.uncertainty
    if noise is not None and given["sigma"] is None:
        kind = noise.uncertainty_type
        if kind == "std":
            facts["sigma"] = noise.array
        elif kind == "ivar":
            facts["ivar"] = noise.array
        elif kind == "var":
            variance = np.asarray(noise.array, float)
            facts["sigma"] = np.sqrt(np.where(variance >= 0, variance, np.nan))
        else:
            raise InputError("image", f"uncertainty of type {kind!r}", "std, var or ivar")
    for role in ("mask", "psf"):
        value = getattr(image, role, None)
        if value is not None and given[role] is None:
            facts[role] = value
    if image.wcs is not None:
        from astropy.wcs.utils import proj_plane_pixel_scales

        facts["wcs"] = image.wcs
        facts["pixel_scale"] = float(np.mean(proj_plane_pixel_scales(image.wcs.celestial)) * 3600.0)
    if image.meta:
        facts["header"] = dict(image.meta)
    return facts


def _starts(galaxy: Galaxy, model: Model, given: dict[str, float] | np.ndarray | None) -> np.ndarray | None:
    """Start values (P,), the given ones in place of the measured ones."""
    if given is None or not isinstance(given, dict):
        return None if given is None else np.asarray(given, float)
    from galviewer import guess

    values = np.array(guess.starts(galaxy, model)[0], float)
    for column, value in given.items():
        values[model.index(column)] = value
    return values


def _sorted(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings by the class they belong to."""
    from dataclasses import fields

    from galviewer import run
    from galviewer.fit import FitSettings

    known: dict[str, Any] = {"survey": {}, "fit": {}}
    own = {f.name for f in fields(run.RunSettings)} - {"folder", "out", "model"}
    homes = {"survey": {f.name for f in fields(SurveySettings)}, "fit": {f.name for f in fields(FitSettings)}}
    for name, value in settings.items():
        home = next((h for h, names in homes.items() if name in names and name not in own), None)
        if name in own:
            known[name] = value
        elif home is not None:
            known[home][name] = value
        else:
            raise SettingsError(
                name, "is no setting", "a field of RunSettings, SurveySettings or FitSettings"
            )
    if isinstance(known["survey"], dict):
        known["survey"] = SurveySettings(**known["survey"])
    return known
