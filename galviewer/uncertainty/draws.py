"""Draws of the parameters: what a bootstrap or a sampler returns, with its summary and diagnostics."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from galviewer.errors import SettingsError
from galviewer.model import Model
from galviewer.uncertainty.extras import load

ONE_SIGMA = (15.865525393145708, 50.0, 84.13447460685429)
"""Percentiles of the median and of plus and minus one standard deviation of a normal distribution."""

_LARGEST_R_HAT = 1.01
_FEWEST_EFFECTIVE = 400


class Summary(NamedTuple):
    """One parameter's distribution.

    Parameters
    ----------
    mean, std : float
        Of all draws.
    p16, p50, p84 : float
        Percentiles (15.87, 50, 84.13).
    r_hat, ess : float
        Agreement of the chains, and number of independent draws; nan for draws that are independent.
    """

    mean: float
    std: float
    p16: float
    p50: float
    p84: float
    r_hat: float
    ess: float


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of the parameters of one galaxy.

    Parameters
    ----------
    names : tuple of str
        The K quantities drawn, ``component_parameter`` first.
    values : ndarray, (chains, draws, K) float64
        Angles are unwrapped: they run on through 0 and 180 degrees around the best fit.
    kind : str
        "pixels" or "noise" (bootstrap); "emcee", "ensemble" or "nautilus" (posterior).
    log_probability : ndarray, (chains, draws), optional
        ln of the posterior up to a constant.
    acceptance : float
        Fraction of proposed moves accepted; nan where nothing is proposed.
    log_evidence, log_evidence_error : float
        ln Z up to a constant that all models of the same data share; nan where it was not asked for.
    independent : bool
        Whether each draw owes nothing to the one before (a bootstrap's do not).
    notes : tuple of str
        What a reader should know before trusting them.
    """

    names: tuple[str, ...]
    values: np.ndarray
    kind: str
    log_probability: np.ndarray | None = None
    acceptance: float = float("nan")
    log_evidence: float = float("nan")
    log_evidence_error: float = float("nan")
    independent: bool = False
    notes: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return self.values.shape[0] * self.values.shape[1]

    @property
    def flat(self) -> np.ndarray:
        """All chains in one, (chains * draws, K)."""
        return self.values.reshape(-1, self.values.shape[-1])

    @property
    def mean(self) -> np.ndarray:
        """Mean of each quantity, (K,)."""
        return self.flat.mean(0)

    @property
    def std(self) -> np.ndarray:
        """Standard deviation of each quantity, (K,); 0 for what is fixed."""
        return self.flat.std(0, ddof=1)

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the quantities, (K, K)."""
        return np.atleast_2d(np.cov(self.flat, rowvar=False))

    def percentiles(self, at: tuple[float, ...] = ONE_SIGMA) -> np.ndarray:
        """Percentiles of each quantity, (len(at), K)."""
        return np.percentile(self.flat, at, axis=0)

    def column(self, name: str) -> np.ndarray:
        """All draws of one quantity, (chains, draws).

        Raises
        ------
        SettingsError
            If there is no such quantity.
        """
        if name not in self.names:
            raise SettingsError(name, "is not among the draws", "one of " + ", ".join(self.names))
        return self.values[:, :, self.names.index(name)]

    @property
    def r_hat(self) -> np.ndarray:
        """Rank-normalised split R-hat of each quantity, (K,); 1 is perfect, nan for what does not vary.

        References
        ----------
        Vehtari et al. 2021, Bayesian Analysis 16, 667.
        """
        return self._diagnose("rhat")

    @property
    def ess(self) -> np.ndarray:
        """Effective number of independent draws for the centre of each quantity, (K,)."""
        if self.independent:
            return np.where(self._varies, float(len(self)), np.nan)
        return self._diagnose("ess")

    @property
    def autocorrelation_time(self) -> np.ndarray:
        """Draws after which a chain has forgotten where it was, (K,): all draws over the effective ones."""
        return len(self) / self.ess

    def summary(self) -> dict[str, Summary]:
        """Every quantity that varies, by name."""
        low, middle, high = self.percentiles()
        unknown = np.full(len(self.names), np.nan)
        r_hat = unknown if self.independent else self.r_hat
        rows = zip(self.mean, self.std, low, middle, high, r_hat, self.ess, strict=True)
        found = {name: Summary(*map(float, row)) for name, row in zip(self.names, rows, strict=True)}
        return {name: row for (name, row), varies in zip(found.items(), self._varies, strict=True) if varies}

    def warnings(self) -> tuple[str, ...]:
        """Sentences about chains that have not mixed or are too short; the notes with them."""
        if self.independent:
            return self.notes
        r_hat, ess = self.r_hat, self.ess
        told = list(self.notes)
        if np.nanmax(r_hat, initial=0.0) > _LARGEST_R_HAT:
            worst = int(np.nanargmax(r_hat))
            told.append(
                f"R-hat of {self.names[worst]} is {r_hat[worst]:.3f}, expected at most {_LARGEST_R_HAT}: "
                "draw longer chains"
            )
        if np.nanmin(ess, initial=np.inf) < _FEWEST_EFFECTIVE:
            worst = int(np.nanargmin(ess))
            told.append(
                f"{self.names[worst]} has only {ess[worst]:.0f} independent draws, expected "
                f"{_FEWEST_EFFECTIVE}: draw longer chains"
            )
        return tuple(told)

    def with_quantities(self, names: tuple[str, ...], values: np.ndarray) -> Draws:
        """The same draws with further quantities, (chains * draws, K), beside the present ones."""
        more = values.reshape(*self.values.shape[:2], len(names))
        return self._replaced(names=(*self.names, *names), values=np.concatenate((self.values, more), axis=2))

    def _replaced(self, **changes: Any) -> Draws:
        return Draws(**(vars(self) | changes))

    @property
    def _varies(self) -> np.ndarray:
        spread = np.ptp(self.flat, axis=0)
        return np.isfinite(spread) & (spread > 0)

    def _diagnose(self, name: str) -> np.ndarray:
        """R-hat or effective sample size by arviz, nan where nothing varies."""
        load("arviz_stats", "arviz-stats", "diagnosing chains")
        stats = load("arviz_stats.base", "arviz-stats", "diagnosing chains").array_stats
        found = np.full(len(self.names), np.nan)
        measure = getattr(stats, name)
        for k in np.flatnonzero(self._varies):
            found[k] = float(measure(self.values[:, :, k], chain_axis=0, draw_axis=1))
        return found


def unwrapped(model: Model, values: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Parameters (..., P) with every angle moved by whole turns to as near the best fit as can be."""
    moved = values.copy()
    for k, (parameter, turn) in enumerate(zip(model.parameters, model.turns, strict=True)):
        if math.isfinite(turn) and not parameter.fixed:
            moved[..., k] = best[k] + (moved[..., k] - best[k] + 0.5 * turn) % turn - 0.5 * turn
    return moved
