"""Galaxies in, fits out: what runs, notebooks and the explorer share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from galviewer import guess
from galviewer.model import Component, Model, load
from galviewer.products import GalaxyFit
from galviewer.run.batches import fit_batch, fit_model, make_problem, one_each
from galviewer.run.choice import choose
from galviewer.run.ladder import is_ladder, lowest_rung
from galviewer.run.neighbours import Surroundings, check_mode, look_around
from galviewer.survey import Galaxy

if TYPE_CHECKING:
    from galviewer.fit import FitSettings, Problem


def fit_galaxies(
    galaxies: Sequence[Galaxy],
    model: Model | str,
    settings: FitSettings | None = None,
    starts: Sequence[np.ndarray | Mapping[str, float] | None] | None = None,
    images: bool = True,
    neighbours: str = "off",
    bounds: Sequence[Mapping[str, tuple[float, float]] | None] | None = None,
) -> list[GalaxyFit]:
    """Fit one model to galaxies of any shapes.

    Parameters
    ----------
    galaxies : sequence of Galaxy
        Checked by the survey.
    model : Model or str
        What is fitted, or a template's name; "auto", "auto+sky" or "auto-sky" chooses one for each galaxy,
        see `galviewer.run.choice.choose`.
    settings : FitSettings, optional
        How to fit.
    starts : sequence of ndarray (P,), mapping or None, optional
        Start values of all parameters, or of some by ``component_parameter``; the rest is measured on the
        pixels.
    images : bool
        Whether the fits carry their model images.
    neighbours : str
        "off", "mask" (leave out all other objects), "fit" (fit them together with the galaxy) or "auto" (by
        their overlap), see `galviewer.run.neighbours`.
    bounds : sequence of mapping or None, optional
        For each galaxy, lower and upper ends by ``component_parameter``, which tighten those of the model.

    Returns
    -------
    list of GalaxyFit
        In the order of `galaxies`. A galaxy that cannot be fitted has `Flag.FAILED` and a message;
        it never raises and never harms the others.

    Raises
    ------
    SettingsError
        If `starts` or `bounds` and `galaxies` differ in number, or the device is not there.
    ModelError, InputError
        If a mapping names no parameter of the model, or a lower bound lies above its upper one.
    """
    from galviewer.fit import FitSettings, choose_device

    settings = settings or FitSettings()
    choose_device(settings.device)
    check_mode(neighbours)
    model = load(model) if isinstance(model, str) and not is_ladder(model) else model
    galaxies, given = _with_own(galaxies, model, starts, bounds)
    if neighbours == "off":
        return _fit_alike(galaxies, model, settings, given, images)
    fits: dict[int, GalaxyFit] = {}
    for group in _grouped(galaxies, model, given, neighbours):
        alone = [item.around.galaxy for item in group]
        begun = [item.start for item in group]
        found = _fit_alike(alone, model, settings, begun, images, group[0].around.components)
        for item, fit in zip(group, found, strict=True):
            fits[item.place] = replace(fit, flags=fit.flags | item.flags)
    return [fits[k] for k in range(len(galaxies))]


def _with_own(
    galaxies: Sequence[Galaxy],
    model: Model | str,
    starts: Sequence[np.ndarray | Mapping[str, float] | None] | None,
    bounds: Sequence[Mapping[str, tuple[float, float]] | None] | None,
) -> tuple[Sequence[Galaxy], list[np.ndarray | None]]:
    """Galaxies with the start values and bounds given by name, and the start values given as arrays."""
    arrays, known = [], model if isinstance(model, Model) else None
    own = []
    begun, ends = one_each(starts, len(galaxies)), one_each(bounds, len(galaxies), "bounds")
    for galaxy, start, limits in zip(galaxies, begun, ends, strict=True):
        named = start if isinstance(start, Mapping) else None
        arrays.append(None if isinstance(start, Mapping) else start)
        own.append(guess.bring(galaxy, named, limits, known))
    return own, arrays


def _fit_alike(
    galaxies: Sequence[Galaxy],
    model: Model | str,
    settings: FitSettings,
    starts: Sequence[np.ndarray | None],
    images: bool,
    neighbours: tuple[Component, ...] = (),
) -> list[GalaxyFit]:
    """Fits of galaxies that have the same components for their neighbours."""
    if isinstance(model, str):
        return choose(galaxies, model, settings, starts, images, neighbours)
    model = replace(model, components=(*model.components, *neighbours))
    return fit_model(galaxies, model, settings, starts, images)


class _Item(NamedTuple):
    """One galaxy with its neighbours, its start values and the flags of their measurement."""

    place: int
    around: Surroundings
    start: np.ndarray | None
    flags: int


def _grouped(
    galaxies: Sequence[Galaxy], model: Model | str, starts: Sequence[np.ndarray | None], mode: str
) -> list[list[_Item]]:
    """The galaxies with their neighbours, those with the same components together."""
    lowest = lowest_rung(model) if isinstance(model, str) else model
    groups: dict[tuple[str, ...], list[_Item]] = {}
    for place, (galaxy, given) in enumerate(zip(galaxies, starts, strict=True)):
        try:
            around = look_around(galaxy, mode)
            start, flags = (given, 0) if given is not None else guess.starts(around.galaxy, lowest)
            item = _Item(place, around, np.concatenate([start, around.starts]), flags)
        except Exception:  # a galaxy whose surroundings cannot be made out is fitted as it is
            item = _Item(place, Surroundings(galaxy), given, 0)
        groups.setdefault(tuple(c.profile for c in item.around.components), []).append(item)
    return list(groups.values())


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
        device = choose_device(self.settings.device)
        self._problem: Problem = make_problem([galaxy], model, self.settings, device)

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

        start = torch.as_tensor(np.asarray(parameters, dtype=np.float64))[None]
        space = self._problem.space
        state = levenberg.init(self._problem, start, self.settings)
        while True:
            yield space.fold(state.values)[0].cpu().numpy(), float(state.chi2[0])
            if state.done:
                return
            state = levenberg.step(self._problem, state, self.settings)

    def fit(self, starts: np.ndarray | None = None) -> GalaxyFit:
        """Fit from these start values (P,), or from measured ones."""
        return fit_batch([(self.galaxy, starts)], self.model, self.settings, True)[0]
