"""Galaxies in, fits out: guess, collate, fit, covariance, images. Runs, notebooks, explorer share it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from galviewer import guess, survey
from galviewer.errors import GalviewerError, SettingsError
from galviewer.flags import Flag
from galviewer.model import Model, load
from galviewer.products import GalaxyFit
from galviewer.run.memory import freed_memory_kept
from galviewer.survey import Galaxy

if TYPE_CHECKING:
    from galviewer.fit import FitResult, FitSettings, Problem

_OFF_CENTRE = 5.0
"""Distance (pixels) from the target beyond which a fitted centre is flagged, unless r_eff is larger."""


def fit_galaxies(
    galaxies: Sequence[Galaxy],
    model: Model | str,
    settings: FitSettings | None = None,
    starts: Sequence[np.ndarray | None] | None = None,
    images: bool = True,
) -> list[GalaxyFit]:
    """Fit one model to galaxies of any shapes.

    Parameters
    ----------
    galaxies : sequence of Galaxy
        Checked by the survey.
    model : Model or str
        What is fitted, or a template's name.
    settings : FitSettings, optional
        How to fit.
    starts : sequence of ndarray (P,) or None, optional
        Start values; None measures them on the pixels.
    images : bool
        Whether the fits carry their model images.

    Returns
    -------
    list of GalaxyFit
        In the order of `galaxies`. A galaxy that cannot be fitted has `Flag.FAILED` and a message;
        it never raises and never harms the others.

    Raises
    ------
    SettingsError
        If `starts` and `galaxies` differ in number, or the device is not there.
    """
    from galviewer.fit import FitSettings, choose_device

    settings = settings or FitSettings()
    model = load(model) if isinstance(model, str) else model
    choose_device(settings.device)
    given = list(starts) if starts is not None else [None] * len(galaxies)
    if len(given) != len(galaxies):
        raise SettingsError(
            "starts", f"are {len(given)}", f"{len(galaxies)}, one per galaxy (None to measure)"
        )
    fits: list[GalaxyFit | None] = [None] * len(galaxies)
    with freed_memory_kept():
        for chosen in _batches(galaxies, model, settings):
            batch, begun = [galaxies[i] for i in chosen], [given[i] for i in chosen]
            for i, fitted in zip(chosen, _fit_batch(batch, model, settings, begun, images), strict=True):
                fits[i] = fitted
    return [fitted for fitted in fits if fitted is not None]


def _batches(galaxies: Sequence[Galaxy], model: Model, settings: FitSettings) -> Iterator[list[int]]:
    """Indices of galaxies of one shape that are fitted together."""
    for members in survey.group(galaxies, max(1, len(galaxies))):
        size = batch_size(galaxies[members[0]], model, settings)
        for first in range(0, len(members), size):
            yield members[first : first + size]


def batch_size(galaxy: Galaxy, model: Model, settings: FitSettings) -> int:
    """How many galaxies like this one are fitted together."""
    from galviewer.fit import choose_batch_size, choose_device
    from galviewer.render import layout

    height, width = galaxy.image.shape
    reach = galaxy.psf.shape if galaxy.psf is not None else (0, 0)
    samples = (height + reach[0]) * (width + reach[1])
    return choose_batch_size(settings, layout(model).n_planes, samples, choose_device(settings.device))


class Workbench:
    """One galaxy and one model: what the explorer and notebooks hold.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    model : Model
        What is drawn and fitted.
    settings : FitSettings, optional
        How to fit.
    """

    def __init__(self, galaxy: Galaxy, model: Model, settings: FitSettings | None = None) -> None:
        from galviewer.fit import FitSettings, choose_device

        self.galaxy, self.model = galaxy, model
        self.settings = settings or FitSettings()
        self._problem: Problem = _problem([galaxy], model, self.settings, choose_device(self.settings.device))

    def starts(self) -> np.ndarray:
        """Start values measured on the pixels, (P,)."""
        return guess.starts(self.galaxy, self.model)[0]

    def render(self, parameters: np.ndarray) -> np.ndarray:
        """One convolved image per component, (C, H, W) float32, for parameters (P,)."""
        import torch

        values = torch.as_tensor(np.asarray(parameters, dtype=np.float64), device=self._problem.data.device)[
            None
        ]
        return self._problem.renderer.component_images(values)[0].float().cpu().numpy()

    def chi2(self, parameters: np.ndarray) -> float:
        """Chi-square of parameters (P,) over the unmasked pixels."""
        pixels = ~self.galaxy.mask
        residual = (self.galaxy.image - self.render(parameters).sum(0)) / self.galaxy.sigma
        return float((residual[pixels] ** 2).sum())

    def steps(self, parameters: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
        """Parameters (P,) and chi2 at the start and after each iteration of a fit."""
        import torch

        from galviewer.fit import levenberg
        from galviewer.fit.coordinates import coordinates

        start = torch.as_tensor(np.asarray(parameters, dtype=np.float64))[None]
        space = coordinates(self.model, self._problem.data.device)
        state = levenberg.init(self._problem, start, self.settings)
        while True:
            yield space.fold(state.values)[0].cpu().numpy(), float(state.chi2[0])
            if state.done:
                return
            state = levenberg.step(self._problem, state, self.settings)

    def fit(self, starts: np.ndarray | None = None) -> GalaxyFit:
        """Fit from these start values (P,), or from measured ones."""
        return _fit_batch([self.galaxy], self.model, self.settings, [starts], True)[0]


def _fit_batch(
    galaxies: list[Galaxy], model: Model, settings: FitSettings, given: list[np.ndarray | None], images: bool
) -> list[GalaxyFit]:
    """Fits of galaxies of one shape; one by one where the batch as a whole fails."""
    began = time.perf_counter()
    try:
        guessed = [_starts(g, model, start) for g, start in zip(galaxies, given, strict=True)]
        return _fit_together(galaxies, model, settings, guessed, images, began)
    except (GalviewerError, RuntimeError, ValueError, ArithmeticError) as error:
        if len(galaxies) > 1:
            return [
                _fit_batch([g], model, settings, [s], images)[0] for g, s in zip(galaxies, given, strict=True)
            ]
        return [failed(galaxies[0], model, f"{error}", time.perf_counter() - began)]


def _fit_together(
    galaxies: list[Galaxy],
    model: Model,
    settings: FitSettings,
    guessed: list[tuple[np.ndarray, int]],
    images: bool,
    began: float,
) -> list[GalaxyFit]:
    import torch

    from galviewer.fit import choose_device, fit

    device = choose_device(settings.device)
    problem = _problem(galaxies, model, settings, device)
    starts = torch.as_tensor(np.stack([values for values, _ in guessed]), device=device)
    with torch.inference_mode():
        result = fit(problem, starts, settings)
        drawn = problem.renderer.component_images(result.values).float().cpu().numpy() if images else None
    seconds = (time.perf_counter() - began) / len(galaxies)
    return _as_fits(galaxies, model, settings, guessed, result, drawn, seconds)


def _problem(galaxies: list[Galaxy], model: Model, settings: FitSettings, device) -> Problem:
    from galviewer.fit import Problem

    batch = survey.collate(galaxies, settings.dtype, device)
    psf = batch.psf
    if psf is not None and all(_same(g.psf, galaxies[0].psf) for g in galaxies):
        psf = psf[:1]
    return Problem.of(
        model,
        batch.image,
        batch.sigma,
        batch.mask,
        psf,
        batch.zeropoint,
        settings.psf_kind,
        batch.psf_oversample,
        settings.render,
    )


def _same(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    """Whether two PSF stamps are one and the same."""
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _starts(galaxy: Galaxy, model: Model, given: np.ndarray | None) -> tuple[np.ndarray, int]:
    if given is None:
        return guess.starts(galaxy, model)
    values = np.asarray(given, dtype=np.float64)
    if values.shape != (len(model.columns),):
        raise SettingsError(galaxy.name, f"start values of shape {values.shape}", f"({len(model.columns)},)")
    return values, 0


def _as_fits(
    galaxies: list[Galaxy],
    model: Model,
    settings: FitSettings,
    guessed: list[tuple[np.ndarray, int]],
    result: FitResult,
    drawn: np.ndarray | None,
    seconds: float,
) -> list[GalaxyFit]:
    from galviewer.uncertainty import covariance

    errors = covariance(model, result.normal, result.held)
    tables = [t.cpu().numpy() for t in (result.values, errors.errors, errors.matrix, errors.singular)]
    chi2, n_pixels, iterations, bits = (
        t.cpu().numpy() for t in (result.chi2, result.n_pixels, result.iterations, result.flags)
    )
    fits = []
    for k, galaxy in enumerate(galaxies):
        values, error, matrix, singular = (table[k] for table in tables)
        flags = int(bits[k]) | guessed[k][1] | galaxy.flags | (Flag.SINGULAR if singular else 0)
        flags |= Flag.NO_PSF if galaxy.psf is None else 0
        flags |= Flag.OFF_CENTRE if _off_centre(galaxy, model, values) else 0
        freedom = max(int(n_pixels[k]) - len(model.free), 1)
        fits.append(
            GalaxyFit(
                name=galaxy.name,
                model=model,
                parameters=values,
                errors=error,
                starts=guessed[k][0],
                covariance=matrix,
                chi2=float(chi2[k]),
                chi2_nu=float(chi2[k]) / freedom,
                n_pixels=int(n_pixels[k]),
                n_free=len(model.free),
                iterations=int(iterations[k]),
                seconds=seconds,
                flags=int(flags),
                galaxy=galaxy,
                model_image=drawn[k].sum(0) if drawn is not None else None,
                component_images=drawn[k] if drawn is not None else None,
                message="; ".join(galaxy.notes),
                psf_kind=settings.psf_kind if galaxy.psf is not None else "",
            )
        )
    return fits


def _off_centre(galaxy: Galaxy, model: Model, values: np.ndarray) -> bool:
    """Whether the first component with a centre lies far from the target's place."""
    height, width = galaxy.image.shape
    x, y = galaxy.centre or (0.5 * (width - 1), 0.5 * (height - 1))
    for component in model.components:
        own = dict(
            zip(
                (p.name for p in component.parameters),
                values[model.component_slices[component.name]],
                strict=True,
            )
        )
        if "x" in own:
            allowed = max(_OFF_CENTRE, own.get("r_eff", 0.0))
            return not np.hypot(own["x"] - x, own["y"] - y) <= allowed
    return False


def failed(galaxy: Galaxy, model: Model, message: str, seconds: float) -> GalaxyFit:
    """The record of a galaxy that could not be fitted."""
    unknown = np.full(len(model.columns), np.nan)
    notes = "; ".join((*galaxy.notes, message))
    return GalaxyFit(
        name=galaxy.name,
        model=model,
        parameters=unknown,
        errors=unknown.copy(),
        starts=unknown.copy(),
        chi2=np.nan,
        chi2_nu=np.nan,
        n_pixels=int((~galaxy.mask).sum()),
        n_free=len(model.free),
        iterations=0,
        seconds=seconds,
        flags=int(Flag.FAILED) | galaxy.flags,
        galaxy=galaxy,
        message=notes,
    )
