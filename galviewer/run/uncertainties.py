"""Uncertainties of finished fits beyond their covariance: bootstrap, posterior, evidence, systematics.

Every function takes the `GalaxyFit` that a fit returned; it holds the data, the model and the best values.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer import survey
from galviewer.errors import GalviewerError, SettingsError
from galviewer.products import GalaxyFit
from galviewer.products.derived import quantities
from galviewer.run import half_light
from galviewer.run.memory import freed_memory_kept

if TYPE_CHECKING:
    from galviewer.fit import FitSettings, Problem
    from galviewer.uncertainty import Draws
    from galviewer.uncertainty.perturbed import Systematic

_BLOCKS = 4
"""Blocks along each side of an image, on whose border the sky is measured."""


def bootstrap(
    fit: GalaxyFit,
    n: int = 100,
    seed: int = 0,
    mode: str = "pixels",
    settings: FitSettings | None = None,
    derived: bool = True,
) -> Draws:
    """Refit a galaxy n times, all at once, from its best fit.

    Parameters
    ----------
    fit : GalaxyFit
        A usable fit.
    n : int
        Refits, 2 or more.
    seed : int
        Of the random numbers.
    mode : {"pixels", "noise"}
        "pixels" draws the unmasked pixels with replacement, and so measures the scatter also where sigma is
        wrong; "noise" adds new noise of the given sigma to the best model.
    settings : FitSettings, optional
        How the fit was done, where not by default.
    derived : bool
        Whether fluxes, B/T, surface brightness and so on follow the parameters.

    Returns
    -------
    Draws
        One chain, a row per refit.

    Raises
    ------
    SettingsError
        If the fit is not usable, the mode unknown, or n below 2.
    """
    import torch

    from galviewer import uncertainty

    problem, settings = _problem([fit], settings)
    with freed_memory_kept():
        values, good = uncertainty.bootstrap(
            problem, torch.as_tensor(np.array(fit.parameters)), n, seed, mode, settings  # pyright: ignore[reportArgumentType]
        )  # fmt: skip
    kept = values[good].cpu().numpy()
    failed = n - len(kept)
    if len(kept) < 2:
        raise SettingsError(fit.name, f"{failed} of {n} refits failed", "refits that succeed")
    draws = uncertainty.Draws(
        names=fit.model.columns,
        values=uncertainty.unwrapped(fit.model, kept, fit.parameters)[None],
        kind=mode,
        independent=True,
        notes=(f"{failed} of {n} refits failed and are left out",) if failed else (),
    )
    return _with_derived(fit, draws) if derived else draws


def with_bootstrap(
    fit: GalaxyFit, n: int = 100, seed: int = 0, mode: str = "pixels", settings: FitSettings | None = None
) -> GalaxyFit:
    """The same fit with errors and covariance from a bootstrap; unchanged if it is not usable.

    Parameters
    ----------
    fit, n, seed, mode, settings
        As for `bootstrap`.

    Returns
    -------
    GalaxyFit
        Parameters at a bound or without an error keep none. Where the refits fail, the fit keeps its errors
        and says so in its message.
    """
    if not fit.usable:
        return fit
    try:
        draws = bootstrap(fit, n, seed, mode, settings, derived=False)
    except (GalviewerError, RuntimeError, ArithmeticError) as error:
        words = f"errors are those of the covariance: {error}"
        return replace(fit, message="; ".join(part for part in (fit.message, words) if part))
    free = list(fit.model.free)
    errors = np.where(np.isfinite(fit.errors), draws.std, np.nan)
    covariance = np.where(np.isfinite(fit.covariance), draws.covariance[np.ix_(free, free)], np.nan)
    return replace(fit, errors=errors, covariance=covariance, error_kind="bootstrap")


def seed_of(name: str) -> int:
    """A seed that depends on the galaxy's name alone, so that no batch changes its errors."""
    return zlib.crc32(name.encode())


def posterior(fits: GalaxyFit | Sequence[GalaxyFit], method: str | None = None, **options: Any) -> Any:
    """Draws from the posterior of one galaxy or many.

    Parameters
    ----------
    fits : GalaxyFit or sequence of GalaxyFit
        Usable fits; several must share one model.
    method : {"emcee", "ensemble"}, optional
        "emcee" takes the galaxies one by one (default for one); "ensemble" moves the walkers of all of them
        as one batch (default for several), on a GPU too.
    **options
        steps (500), burn (100), walkers (4 per free parameter, 32 at least), thin (1), seed (0);
        ranges: tighter limits of parameters by ``component_parameter``; settings: the FitSettings of the fit;
        derived (True): whether fluxes, B/T, surface brightness and so on follow the parameters.

    Returns
    -------
    Draws, or a list of them
        A chain per walker; ``draws.warnings()`` says whether they have mixed.

    Raises
    ------
    SettingsError
        If a fit is not usable, models differ, or an option makes no sense.
    """
    chosen = [fits] if isinstance(fits, GalaxyFit) else list(fits)
    method = method or ("emcee" if isinstance(fits, GalaxyFit) else "ensemble")
    if method not in ("emcee", "ensemble"):
        raise SettingsError("method", f"is {method!r}", "emcee or ensemble")
    settings, ranges = options.pop("settings", None), options.pop("ranges", None)
    derived = options.pop("derived", True)
    draws: list[Draws | None] = [None] * len(chosen)
    with freed_memory_kept():
        for members in survey.group([f.galaxy for f in chosen], 1 if method == "emcee" else 256):
            some = [chosen[k] for k in members]
            for k, found in zip(members, _sampled(some, method, settings, ranges, options), strict=True):
                draws[k] = _with_derived(chosen[k], found) if derived else found
    known = [d for d in draws if d is not None]
    return known[0] if isinstance(fits, GalaxyFit) else known


def evidence(
    fit: GalaxyFit,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    n_live: int = 1000,
    n_eff: int = 2000,
    seed: int = 0,
    settings: FitSettings | None = None,
) -> Draws:
    """Evidence of a model for one galaxy, to compare with that of other models of the same data.

    Parameters
    ----------
    fit : GalaxyFit
        A usable fit.
    ranges : mapping, optional
        Limits of free parameters by ``component_parameter``, for those that have neither prior nor bounds.
    n_live, n_eff : int
        Live points, and effective sample size at which to stop.
    seed : int
        Of the random numbers.
    settings : FitSettings, optional
        How the fit was done, where not by default.

    Returns
    -------
    Draws
        Equally weighted draws with `log_evidence` and its error.

    Raises
    ------
    SettingsError
        If the fit is not usable or a parameter has no finite limits.
    """
    from galviewer.uncertainty import single

    target = _target([fit], settings, ranges)
    with freed_memory_kept():
        return _with_derived(fit, single.evidence(target, n_live, n_eff, seed))


def systematic(
    fit: GalaxyFit,
    psf_width: float = 0.02,
    psf_ellipticity: float = 0.01,
    sky_change: float | None = None,
    psfs: Sequence[np.ndarray] = (),
    settings: FitSettings | None = None,
) -> Systematic:
    """How far the parameters move when PSF and sky are a little wrong.

    Parameters
    ----------
    fit : GalaxyFit
        A usable fit.
    psf_width : float
        Relative error of the PSF's width; 0 to leave it out.
    psf_ellipticity : float
        Error of its ellipticity, along the axes and along the diagonals; 0 to leave it out.
    sky_change : float, optional
        Error of the mean sky, image units; None measures it on the residual (see Notes), 0 leaves it out.
    psfs : sequence of ndarray
        Other stamps that might be the PSF, say those of stars or of neighbouring galaxies; same shape.
    settings : FitSettings, optional
        How the fit was done, where not by default.

    Returns
    -------
    Systematic
        Errors to be read beside the statistical ones; all refits are one batch.

    Raises
    ------
    SettingsError
        If the fit is not usable or a stamp has another shape.

    Notes
    -----
    The error of the mean sky is the scatter of the residual's mean over the twelve blocks of a 4 x 4 grid
    that touch the border, divided by the root of their number: large-scale structure counts, unlike in
    sigma / sqrt(pixels). A free sky level takes up an offset of the sky, whose shift is then zero.
    """
    from galviewer.run.batches import fit_model
    from galviewer.uncertainty import unwrapped
    from galviewer.uncertainty.perturbed import combine

    _check([fit])
    settings = _settings([fit], settings)
    pairs = _perturbed(fit, psf_width, psf_ellipticity, sky_change, psfs)
    galaxies = [galaxy for group in pairs.values() for galaxy in group]
    refits = fit_model(galaxies, fit.model, settings, [fit.parameters] * len(galaxies), images=False)
    notes, shifts, begin = [], {}, 0
    for kind, group in pairs.items():
        part = refits[begin : begin + len(group)]
        begin += len(group)
        values = unwrapped(fit.model, np.stack([f.parameters for f in part]), fit.parameters)
        notes += [f"a refit under {kind} failed: {f.message}" for f in part if not f.usable]
        if kind == "psf_other":
            shifts[kind] = np.sqrt(np.mean((values - fit.parameters) ** 2, axis=0))
        else:
            shifts[kind] = 0.5 * (values[0] - values[1])
    return combine(fit.model.columns, shifts, tuple(notes))


def _perturbed(
    fit: GalaxyFit, width: float, ellipticity: float, sky: float | None, psfs: Sequence[np.ndarray]
) -> dict[str, list[survey.Galaxy]]:
    """The galaxy under each kind of change: plus and minus, or each other PSF."""
    from galviewer.uncertainty.perturbed import transformed_psf

    galaxy, changed = fit.galaxy, {}
    if galaxy.psf is not None:
        e = ellipticity
        kinds = {
            "psf_width": (width, (1.0, 0.0, 0.0)),
            "psf_e1": (e, (0, 1.0, 0)),
            "psf_e2": (e, (0, 0, 1.0)),
        }
        for kind, (size, direction) in kinds.items():
            moves = [[sign * size * d for d in direction] for sign in (1.0, -1.0)] if size else []
            stamps = [transformed_psf(galaxy.psf, 1.0 + w, e1, e2) for w, e1, e2 in moves]
            if stamps:
                changed[kind] = [replace(galaxy, psf=stamp) for stamp in stamps]
        if len(psfs):
            if any(np.shape(stamp) != galaxy.psf.shape for stamp in psfs):
                raise SettingsError(
                    fit.name, "other PSFs differ in shape", f"{galaxy.psf.shape}", "crop or pad them"
                )
            changed["psf_other"] = [replace(galaxy, psf=np.asarray(s, float) / np.sum(s)) for s in psfs]
    sky = _sky_error(fit) if sky is None else sky
    if sky:
        changed["sky"] = [replace(galaxy, image=galaxy.image - sign * sky) for sign in (1.0, -1.0)]
    return changed


def _sky_error(fit: GalaxyFit) -> float:
    """Error of the mean sky from the residual's large-scale scatter at the border, image units."""
    residual = fit.residual
    if residual is None:
        raise SettingsError(fit.name, "has no model image", "a fit with images, or sky_change in image units")
    means = []
    for i, rows in enumerate(np.array_split(np.arange(residual.shape[0]), _BLOCKS)):
        for j, columns in enumerate(np.array_split(np.arange(residual.shape[1]), _BLOCKS)):
            kept = ~fit.galaxy.mask[np.ix_(rows, columns)]
            if {i, j} & {0, _BLOCKS - 1} and kept.sum() > kept.size / 4:
                means.append(float(residual[np.ix_(rows, columns)][kept].mean()))
    return float(np.std(means, ddof=1) / np.sqrt(len(means))) if len(means) > 3 else 0.0


def _sampled(
    fits: list[GalaxyFit], method: str, settings: FitSettings | None, ranges: Any, options: dict[str, Any]
) -> list[Draws]:
    """Draws for fits of one shape."""
    from galviewer.uncertainty import Draws, ensemble, single

    target = _target(fits, settings, ranges)
    if method == "emcee":
        return [single.walk(target, **options)]
    chains = ensemble.sample(target, **options)
    return [
        Draws(
            names=fit.model.columns,
            values=single.everything(target, chains.values[k].cpu().numpy(), k),
            kind="ensemble",
            log_probability=chains.log_probability[k].cpu().numpy(),
            acceptance=float(chains.acceptance[k]),
        )
        for k, fit in enumerate(fits)
    ]


def _target(fits: list[GalaxyFit], settings: FitSettings | None, ranges: Any):
    import torch

    from galviewer.uncertainty import Target

    problem, _ = _problem(fits, settings)
    best = torch.as_tensor(np.stack([fit.parameters for fit in fits]))
    with torch.inference_mode():
        return Target.of(problem, best, ranges)


def _problem(fits: list[GalaxyFit], settings: FitSettings | None) -> tuple[Problem, FitSettings]:
    """The problem of fits of one shape and one model, with the settings they were fitted with."""
    from galviewer.fit import choose_device
    from galviewer.run.batches import make_problem

    _check(fits)
    settings = _settings(fits, settings)
    device = choose_device(settings.device)
    return make_problem([fit.galaxy for fit in fits], fits[0].model, settings, device), settings


def _check(fits: list[GalaxyFit]) -> None:
    for fit in fits:
        if not fit.usable:
            raise SettingsError(
                fit.name, f"is no usable fit ({', '.join(fit.flag_names)})", "a fit without failure flags"
            )
    if any(fit.model != fits[0].model for fit in fits):
        raise SettingsError("fits", "have different models", "one model", "call once per model")


def _settings(fits: list[GalaxyFit], settings: FitSettings | None) -> FitSettings:
    from galviewer.fit import FitSettings

    if settings is not None:
        return settings
    kind = fits[0].psf_kind
    return FitSettings(psf_kind=kind) if kind in ("effective", "optical") else FitSettings()


def _with_derived(fit: GalaxyFit, draws: Draws) -> Draws:
    names, values = quantities(fit, draws.flat, half_light.find)
    return draws.with_quantities(names, values)
