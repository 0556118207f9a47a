"""Which model each galaxy has: a ladder of models, climbed where it may pay, chosen by BIC and good sense."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from galviewer.model import Component, Model
from galviewer.products import Choice, GalaxyFit
from galviewer.products.catalogue import is_neighbour
from galviewer.run import ladder as steps
from galviewer.run import structure
from galviewer.run.batches import Task, chi2_of, fit_model, one_each, survived
from galviewer.run.ladder import BAR, DISK, POINT, SINGLE
from galviewer.run.sanity import objections
from galviewer.survey import Galaxy

if TYPE_CHECKING:
    from galviewer.fit import FitSettings

_TOGETHER = 64
"""Galaxies that climb together: bounds the memory of all their fits."""

_STRUCTURED = 1.1
"""Variance of the residuals of bulge and disk, over the noise's, from which a bar is tried in any case."""

_SAME = 2.0
"""Difference in chi2 up to which the better-named of two fits of one model is taken."""


@dataclass
class _Climber:
    """A galaxy on the ladder: every fit so far, by the model's name."""

    galaxy: Galaxy
    start: np.ndarray | None
    fits: dict[str, GalaxyFit] = field(default_factory=dict)
    seconds: float = 0.0
    sky: bool = False

    def add(self, fit: GalaxyFit, relabelled: bool = False) -> None:
        """One more fit; of several of one model the one with the lowest chi2 stays.

        One whose components have the right names may be a little worse.
        """
        self.seconds += fit.seconds
        before = self.fits.get(fit.model.name)
        allowed = _SAME if relabelled and not objections(fit) else 0.0
        if before is None or not before.usable or (fit.usable and fit.chi2 < before.chi2 + allowed):
            self.fits[fit.model.name] = fit

    def fit(self, step: str, sky: bool | None = None) -> GalaxyFit | None:
        """The fit of a rung, if there is a usable one."""
        found = self.fits.get(_name(step, self.sky if sky is None else sky))
        return found if found is not None and found.usable else None


def choose(
    galaxies: Sequence[Galaxy],
    ladder: str = "auto",
    settings: FitSettings | None = None,
    starts: Sequence[np.ndarray | None] | None = None,
    images: bool = True,
    neighbours: tuple[Component, ...] = (),
) -> list[GalaxyFit]:
    """Fit each galaxy with the model that suits it.

    Parameters
    ----------
    galaxies : sequence of Galaxy
        Checked by the survey.
    ladder : str
        "auto" (each model with or without a sky), "auto+sky" (always with), "auto-sky" (never).
    settings : FitSettings, optional
        How to fit.
    starts : sequence of ndarray (P,) or None, optional
        Start values of the lowest rung, neighbours included; None measures them.
    images : bool
        Whether the fits carry their model images.
    neighbours : tuple of Component
        Components of neighbours, added to every rung.

    Returns
    -------
    list of GalaxyFit
        The chosen fits, in the order of `galaxies`, each with its `choice`.

    Raises
    ------
    ModelError
        If there is no such ladder.
    """
    from galviewer.fit import FitSettings

    settings = settings or FitSettings()
    given = one_each(starts, len(galaxies))
    climb = _Climb(steps.LADDERS[ladder] if steps.rungs(ladder) else (), settings, neighbours)
    pairs = list(zip(galaxies, given, strict=True))
    fits: list[GalaxyFit] = []
    for first in range(0, len(pairs), _TOGETHER):
        fits += survived(climb.all, pairs[first : first + _TOGETHER], climb.lowest)
    return fits if images else [replace(fit, model_image=None, component_images=None) for fit in fits]


class _Climb:
    """One way up for many galaxies."""

    def __init__(
        self, skies: tuple[bool, ...], settings: FitSettings, neighbours: tuple[Component, ...]
    ) -> None:
        self._skies, self._settings, self._neighbours = skies, settings, neighbours

    def all(self, pairs: list[Task]) -> list[GalaxyFit]:
        """The chosen fits."""
        climbers = [_Climber(galaxy, start, sky=self._skies[0]) for galaxy, start in pairs]
        self._begin(climbers)
        alive = [c for c in climbers if c.fit(SINGLE)]
        if len(self._skies) > 1:
            self._with_sky([c for c in alive if _pays(c.fit(SINGLE), SINGLE, 1)])
            for climber in alive:
                climber.sky = _better(climber.fit(SINGLE, True), climber.fit(SINGLE, False))
        for step, lower in ((POINT, (SINGLE,)), (DISK, (SINGLE, POINT)), (BAR, (DISK,))):
            able = [c for c in alive if step != POINT or c.galaxy.psf is not None]
            self._climb(step, lower[0], [c for c in able if self._worth(c, step, lower)])
        if len(self._skies) > 1:
            self._turn([c for c in alive if len(c.fits) > 1])
        return [_chosen(climber) for climber in climbers]

    def lowest(self, pair: Task, words: str) -> GalaxyFit:
        """The lowest rung, where the climb itself fails."""
        fit = fit_model([pair[0]], self._model(SINGLE, self._skies[0]), self._settings, [pair[1]])[0]
        reason = f"the lowest rung: the choice failed ({words})"
        return replace(fit, choice=Choice(reason, _bic(fit, 1.0), {fit.model.name: _bic(fit, 1.0)}))

    def _model(self, step: str, sky: bool) -> Model:
        return steps.rung(step, sky, self._neighbours)

    def _worth(self, climber: _Climber, step: str, lower: tuple[str, ...]) -> bool:
        """Whether the best fit so far is one of the lower rungs and leaves room for this one."""
        best = min(climber.fits.values(), key=lambda fit: _bic(fit, 1.0))
        below = [_name(name, sky) for name in lower for sky in (False, True)]
        if best.model.name not in below:
            return False
        if step == BAR and structure.excess(best) > _STRUCTURED:
            return True
        price = len(self._model(step, climber.sky).free) - best.n_free
        return _pays(best, step, max(price, 1))

    def _begin(self, climbers: list[_Climber]) -> None:
        model = self._model(SINGLE, self._skies[0])
        fits = fit_model([c.galaxy for c in climbers], model, self._settings, [c.start for c in climbers])
        for climber, fit in zip(climbers, fits, strict=True):
            climber.add(fit)

    def _with_sky(self, climbers: list[_Climber]) -> None:
        """The lowest rung once more, with a sky."""
        self._fit(SINGLE, lambda c: True, lambda c: c.fit(SINGLE, False), climbers)

    def _climb(self, step: str, below: str, climbers: list[_Climber]) -> None:
        self._fit(step, lambda c: c.sky, lambda c: c.fit(below), climbers)

    def _turn(self, climbers: list[_Climber]) -> None:
        """The best model with the other answer to the question of the sky."""
        best = {id(c): min(c.fits.values(), key=lambda fit: _bic(fit, 1.0)) for c in climbers}
        for step in (SINGLE, POINT, DISK, BAR):
            for sky in (False, True):
                turned = [
                    c for c in climbers
                    if best[id(c)].model.name == _name(step, not sky) and _name(step, sky) not in c.fits
                ]  # fmt: skip
                self._fit(step, lambda c, sky=sky: sky, lambda c: best[id(c)], turned)

    def _fit(
        self,
        step: str,
        sky: Callable[[_Climber], bool],
        below: Callable[[_Climber], GalaxyFit | None],
        climbers: list[_Climber],
    ) -> None:
        """Fit a rung to all climbers."""
        for with_sky in (False, True):
            model = self._model(step, with_sky)
            todo: list[tuple[_Climber, np.ndarray]] = []
            for climber in climbers:
                lower = below(climber)
                if lower is not None and sky(climber) == with_sky:
                    todo += [(climber, start) for start in self._starts(model, climber.galaxy, lower)]
            fits = fit_model(
                [climber.galaxy for climber, _ in todo], model, self._settings, [start for _, start in todo]
            )
            for (climber, _), fit in zip(todo, fits, strict=True):
                climber.add(fit)
            self._relabel([c for c in climbers if c.fit(step, with_sky)], step, with_sky)

    def _starts(self, model: Model, galaxy: Galaxy, lower: GalaxyFit) -> list[np.ndarray]:
        """The best of the rung's start values; for a bar, whose fits end apart, all."""
        starts = steps.begin(model, galaxy, lower)
        if len(starts) < 2:
            return starts
        order = np.argsort(chi2_of(galaxy, model, self._settings, starts), kind="stable")
        return [starts[k] for k in order[: 3 if any(c.name == "bar" for c in model.components) else 1]]

    def _relabel(self, climbers: list[_Climber], step: str, sky: bool) -> None:
        """Fit once more where what is called bulge is the bar or the disk."""
        model, again = self._model(step, sky), []
        for climber in climbers:
            fit = climber.fit(step, sky)
            start = steps.relabelled(fit) if fit is not None else None
            if start is not None:
                again.append((climber, start))
        starts = [start for _, start in again]
        for (climber, _), fit in zip(
            again, fit_model([c.galaxy for c, _ in again], model, self._settings, starts), strict=True
        ):
            climber.add(fit, relabelled=True)


def _name(step: str, sky: bool) -> str:
    return f"{step}+sky" if sky else step


def _pays(fit: GalaxyFit | None, step: str, parameters: int) -> bool:
    """Whether the residual leaves room for so many more parameters, also in its dependence on the angle."""
    if fit is None:
        return False
    rings, n_rings, twofold, n_twofold = structure.gains(fit)
    price = parameters * math.log(max(fit.n_pixels, 2))
    if structure.may_pay(rings, n_rings, price):
        return True
    return step != SINGLE and structure.may_pay(rings + twofold, n_rings + n_twofold, price)


def _bic(fit: GalaxyFit, scale: float) -> float:
    """Bayesian information criterion, chi2 in units of `scale`; inf for a failed fit."""
    if not fit.usable or not math.isfinite(fit.chi2):
        return math.inf
    return fit.chi2 / scale + fit.n_free * math.log(max(fit.n_pixels, 2))


def _better(one: GalaxyFit | None, other: GalaxyFit | None) -> bool:
    if one is None or other is None:
        return one is not None
    return _bic(one, 1.0) < _bic(other, 1.0)


def _chosen(climber: _Climber) -> GalaxyFit:
    """The fit with the lowest BIC among those that make sense, and why."""
    fits = list(climber.fits.values())
    best = min(fits, key=lambda fit: fit.chi2 if fit.usable else math.inf)
    scale = structure.excess(best)
    tried = {fit.model.name: _bic(fit, scale) for fit in fits}
    ranked = sorted(fits, key=lambda fit: tried[fit.model.name])
    refused: list[tuple[GalaxyFit, str]] = []
    chosen = ranked[0]
    for chosen in ranked:
        against = objections(chosen)
        if not against:
            break
        refused.append((chosen, "; ".join(against)))
    else:
        chosen = ranked[0]
    reason = _reason(chosen, ranked, refused, tried, scale)
    bic = tried[chosen.model.name]
    finite = {name: value if math.isfinite(value) else math.nan for name, value in tried.items()}
    choice = Choice(reason, bic if math.isfinite(bic) else math.nan, finite)
    return replace(chosen, choice=choice, seconds=climber.seconds)


def _reason(
    chosen: GalaxyFit,
    ranked: list[GalaxyFit],
    refused: list[tuple[GalaxyFit, str]],
    tried: dict[str, float],
    scale: float,
) -> str:
    """One or more sentences, without full stops between them, as the catalogue has them."""
    name = chosen.model.name
    against = {fit.model.name: words for fit, words in refused}
    said = []
    if not chosen.usable:
        return "no model could be fitted"
    if len(ranked) == 1:
        said.append(f"{name}: its residual leaves no room for more components")
    else:
        others = [f for f in ranked if f is not chosen and f.model.name not in against]
        if name in against:
            said.append(f"{name}: lowest BIC, though {against.pop(name)}")
        elif others:
            margin = tried[others[0].model.name] - tried[name]
            said.append(f"{name}: BIC lower by {margin:.1f} than {others[0].model.name}")
        else:
            said.append(f"{name}: the only one that makes sense")
    said += [
        f"{other} refused (BIC lower by {tried[name] - tried[other]:.1f}): {words}"
        for other, words in against.items()
    ]
    if scale > 1.05:
        said.append(f"chi2 taken in units of {scale:.2f}, the scatter that no model explains")
    return "; ".join(said)


def neighbours_of(fit: GalaxyFit) -> tuple[str, ...]:
    """Names of the components of a fit that are neighbours."""
    return tuple(c.name for c in fit.model.components if is_neighbour(c.name))
