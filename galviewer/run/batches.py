"""One model fitted to galaxies of any shapes: batches of one shape, and a net under them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from galviewer import guess, survey
from galviewer.errors import GalviewerError, SettingsError
from galviewer.flags import Flag
from galviewer.model import Model
from galviewer.products import GalaxyFit
from galviewer.run.memory import freed_memory_kept
from galviewer.survey import Galaxy

if TYPE_CHECKING:
    import torch

    from galviewer.fit import FitResult, FitSettings, Problem

_OFF_CENTRE = 5.0
"""Distance (pixels) from the target beyond which a fitted centre is flagged, unless r_eff is larger."""

_COUNTED = ("gain", "sky_level", "read_noise")
"""What a likelihood of counts asks of a galaxy."""

Item = TypeVar("Item")
Done = TypeVar("Done")


Task = tuple[Galaxy, np.ndarray | None]
"""One galaxy to be fitted, and its start values; None measures them."""


def fit_model(
    galaxies: Sequence[Galaxy],
    model: Model,
    settings: FitSettings,
    starts: Sequence[np.ndarray | None] | None = None,
    images: bool = True,
) -> list[GalaxyFit]:
    """Fit one model to galaxies of any shapes; arguments as `galviewer.run.single.fit_galaxies`.

    Returns
    -------
    list of GalaxyFit
        In the order of `galaxies`; one that cannot be fitted has `Flag.FAILED` and a message.

    Raises
    ------
    SettingsError
        If `starts` and `galaxies` differ in number.
    """
    given = one_each(starts, len(galaxies))
    fits: list[GalaxyFit | None] = [None] * len(galaxies)
    with freed_memory_kept():
        for chosen in _batches(galaxies, model, settings):
            batch = [(galaxies[i], given[i]) for i in chosen]
            for i, fitted in zip(chosen, fit_batch(batch, model, settings, images), strict=True):
                fits[i] = fitted
    return [fitted for fitted in fits if fitted is not None]


def one_each(given: Sequence[Item | None] | None, number: int, whose: str = "starts") -> list[Item | None]:
    """What was given for each galaxy, or None.

    Raises
    ------
    SettingsError
        If there is another number of them.
    """
    if given is not None and len(given) != number:
        raise SettingsError(whose, f"are {len(given)}", f"{number}, one per galaxy (or None)")
    return list(given) if given is not None else [None] * number


def survived(
    work: Callable[[list[Item]], list[Done]], items: list[Item], rescue: Callable[[Item, str], Done]
) -> list[Done]:
    """Results of `work` on all items; in halves, down to single ones, where it fails.

    Parameters
    ----------
    work : callable
        From items to as many results.
    items : list
        What to work on.
    rescue : callable
        The result of an item on which the work fails even alone, from the item and the error's words.
    """
    try:
        return work(items)
    except Exception as error:  # whatever it is, a lack of memory too: it must not cost the other galaxies
        if len(items) > 1:
            middle = len(items) // 2
            return survived(work, items[:middle], rescue) + survived(work, items[middle:], rescue)
        words = f"{error}" if isinstance(error, (GalviewerError, RuntimeError)) else ""
        return [rescue(items[0], words or f"{type(error).__name__}: {error}")]


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


def fit_batch(batch: list[Task], model: Model, settings: FitSettings, images: bool) -> list[GalaxyFit]:
    """Fits of galaxies of one shape; those that fail even alone are marked."""
    began = time.perf_counter()

    def together(tasks: list[Task]) -> list[GalaxyFit]:
        guessed = [_starts(galaxy, model, start) for galaxy, start in tasks]
        return _fit_together([galaxy for galaxy, _ in tasks], model, settings, guessed, images, began)

    def rescue(task: Task, words: str) -> GalaxyFit:
        return failed(task[0], model, words, time.perf_counter() - began)

    return survived(together, batch, rescue)


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
    problem = make_problem(galaxies, model, settings, device)
    starts = torch.as_tensor(np.stack([values for values, _ in guessed]), device=device)
    with torch.inference_mode():
        result = fit(problem, starts, settings)
        drawn = problem.renderer.component_images(result.values).float().cpu().numpy() if images else None
    seconds = (time.perf_counter() - began) / len(galaxies)
    return _as_fits(galaxies, model, settings, guessed, result, drawn, seconds)


def make_problem(galaxies: list[Galaxy], model: Model, settings: FitSettings, device) -> Problem:
    """The fit's problem for galaxies of one shape; one PSF where all have the same."""
    from galviewer.fit import Likelihood, Problem

    batch = survey.collate(galaxies, settings.dtype, device)
    counting = _counting(galaxies, settings)
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
        Likelihood(settings.likelihood, settings.student_nu),
        **counting,
        bounds=_bounds(galaxies, model, device),
    )


def _counting(galaxies: list[Galaxy], settings: FitSettings) -> dict[str, torch.Tensor]:
    """Gain, subtracted sky and read noise of galaxies whose likelihood needs them; SettingsError without."""
    import torch

    from galviewer.fit import COUNTING

    if settings.likelihood not in COUNTING:
        return {}
    for galaxy in galaxies:
        if galaxy.gain is None:
            raise SettingsError(
                galaxy.name, f"has no gain, which the likelihood {settings.likelihood!r} needs",
                "electrons per image unit", "give --gain, a card GAIN or a column gain, or use chi2",
            )  # fmt: skip
    known = {name: [getattr(galaxy, name) or 0.0 for galaxy in galaxies] for name in _COUNTED}
    return {name: torch.tensor(values, dtype=torch.float64) for name, values in known.items()}


def _bounds(galaxies: list[Galaxy], model: Model, device) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Bounds of each galaxy, (B, P) each; None where none has its own."""
    import torch

    own = [guess.given_bounds(galaxy, model) if galaxy.given else None for galaxy in galaxies]
    if all(pair is None for pair in own):
        return None
    free = np.full(len(model.columns), np.inf)
    ends = [np.stack([(-free, free)[k] if pair is None else pair[k] for pair in own]) for k in (0, 1)]
    return torch.as_tensor(ends[0], device=device), torch.as_tensor(ends[1], device=device)


def chi2_of(
    galaxy: Galaxy, model: Model, settings: FitSettings, candidates: Sequence[np.ndarray]
) -> np.ndarray:
    """Chi-square of several sets of parameters (P,) of one galaxy; inf where the model is not finite."""
    import torch

    from galviewer.fit import choose_device

    device = choose_device(settings.device)
    problem = make_problem([galaxy] * len(candidates), model, settings, device)
    with torch.inference_mode():
        drawn = problem.renderer.component_images(torch.as_tensor(np.stack(candidates), device=device))
        light = drawn.sum(1).double().cpu().numpy()
    scaled = np.where(galaxy.mask, 0.0, (galaxy.image - light) / galaxy.sigma)
    chi2 = (scaled**2).sum(axis=(1, 2))
    return np.where(np.isfinite(chi2), chi2, np.inf)


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
    numbers = (result.cost, result.chi2, result.student_nu, result.n_pixels, result.iterations, result.flags)
    cost, chi2, nu, n_pixels, iterations, bits = (t.cpu().numpy() for t in numbers)
    refitted = _refitted(result, model, settings)
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
                message="; ".join((*galaxy.notes, *refitted[k])),
                psf_kind=settings.psf_kind if galaxy.psf is not None else "",
                likelihood=settings.likelihood,
                cost=float(cost[k]),
                student_nu=float(nu[k]),
            )
        )
    return fits


def _refitted(result: FitResult, model: Model, settings: FitSettings) -> list[tuple[str, ...]]:
    """What is said of each galaxy whose first fit was replaced by one from further starts."""
    plain = settings.likelihood == "chi2" and not any(p.prior for p in model.parameters)
    words = f"refitted from {settings.search.starts} starts; {'chi2' if plain else 'cost'} lower by"
    restarted, fall = result.restarted.tolist(), result.fall.tolist()
    return [(f"{words} {by:.3g}",) if again else () for again, by in zip(restarted, fall, strict=True)]


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
