"""Posterior and evidence of one galaxy by packages of their own: emcee and nautilus.

Both see the likelihood of many parameter sets as one batch.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from galviewer.errors import SettingsError
from galviewer.model import Parameter, Prior
from galviewer.uncertainty.draws import Draws
from galviewer.uncertainty.ensemble import JUMPS, Jump, ensemble_size
from galviewer.uncertainty.extras import load
from galviewer.uncertainty.target import Target, angles

if TYPE_CHECKING:
    from torch import Tensor


def walk(
    target: Target,
    steps: int = 500,
    burn: int = 100,
    walkers: int | None = None,
    thin: int = 1,
    seed: int = 0,
) -> Draws:
    """Posterior of one galaxy by emcee.

    Parameters
    ----------
    target : Target
        One galaxy.
    steps, burn, walkers, thin, seed
        As for `galviewer.uncertainty.ensemble.sample`.

    Returns
    -------
    Draws
        A chain per walker, all P parameters.

    Raises
    ------
    SettingsError
        If emcee is not installed.

    References
    ----------
    Foreman-Mackey et al. 2013, PASP 125, 306.
    """
    emcee = load("emcee", "emcee", "sampling one galaxy")
    count = len(target.free)
    walkers = walkers or ensemble_size(count)
    device = target.best.device
    row = torch.zeros(walkers, dtype=torch.long, device=device)

    def log_probability(chosen: np.ndarray) -> np.ndarray:
        place = torch.as_tensor(chosen, dtype=torch.float64, device=device)
        return target.log_probability(row[: len(place)], place).cpu().numpy()

    with torch.inference_mode():
        start = target.scattered(walkers, torch.Generator().manual_seed(seed))[0].cpu().numpy()
        moves = [(emcee.moves.StretchMove(), 1.0 - JUMPS), (emcee.moves.MHMove(_jumps(target, seed)), JUMPS)]
        sampler = emcee.EnsembleSampler(walkers, count, log_probability, vectorize=True, moves=moves)
        # emcee's first state takes numpy's own generator: this keeps it from being the global one.
        state = emcee.State(start, random_state=np.random.RandomState(seed).get_state())
        state = sampler.run_mcmc(state, burn, progress=False) if burn else state
        sampler.reset()
        sampler.run_mcmc(state, steps, progress=False)
        chains = np.swapaxes(sampler.get_chain(thin=thin), 0, 1)
        return Draws(
            names=target.model.columns,
            values=everything(target, chains),
            kind="emcee",
            log_probability=sampler.get_log_prob(thin=thin).T,
            acceptance=float(sampler.acceptance_fraction.mean()),
        )


def evidence(target: Target, n_live: int = 1000, n_eff: int = 2000, seed: int = 0) -> Draws:
    """Evidence and posterior of one galaxy by nautilus.

    Parameters
    ----------
    target : Target
        One galaxy; every free parameter needs a prior or finite limits.
    n_live, n_eff : int
        Live points, and effective sample size at which to stop.
    seed : int
        Of the random numbers.

    Returns
    -------
    Draws
        One chain of equally weighted draws, with `log_evidence`: ln of the mean over the prior of
        ``exp(-cost of the data / 2)``; a constant that all models of the same data share is left out.

    Raises
    ------
    SettingsError
        If nautilus is not installed, or a parameter's prior has no end: its evidence would be zero.

    References
    ----------
    Lange 2023, MNRAS 525, 3181.
    """
    nautilus = load("nautilus", "nautilus-sampler", "evidence")
    transforms = [_transform(target, f) for f in range(len(target.free))]
    device = target.best.device
    count = len(transforms)
    padding = [lambda unit: unit] * max(0, 2 - count)  # nautilus wants two dimensions

    def prior(cube: np.ndarray) -> np.ndarray:
        unit = torch.as_tensor(np.atleast_2d(cube), dtype=torch.float64)
        chosen = torch.stack([t(unit[:, f]) for f, t in enumerate(transforms + padding)], 1).numpy()
        return chosen.reshape(np.shape(cube))

    def likelihood(chosen: np.ndarray) -> np.ndarray:
        place = torch.as_tensor(np.atleast_2d(chosen)[:, :count], dtype=torch.float64, device=device)
        row = torch.zeros(len(place), dtype=torch.long, device=device)
        found = target.log_probability(row, place) + 0.5 * _prior_cost(target, place)
        return torch.where(found.isfinite(), found, -1e300).cpu().numpy()

    with torch.inference_mode(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"sklearn\..*")  # its networks need not converge
        sampler = nautilus.Sampler(
            prior, likelihood, n_dim=count + len(padding), n_live=n_live, vectorized=True, pass_dict=False,
            periodic=angles(target.model) or None, seed=seed,
        )  # fmt: skip
        finished = sampler.run(n_eff=n_eff, verbose=False)
        points, _, heights = sampler.posterior(equal_weight=True)
        return Draws(
            names=target.model.columns,
            values=everything(target, points[None, :, :count]),
            kind="nautilus",
            log_probability=heights[None],
            log_evidence=float(sampler.log_z),
            log_evidence_error=float(1.0 / math.sqrt(sampler.n_eff)),
            independent=True,
            notes=() if finished else ("nautilus stopped before it had finished",),
        )


def _jumps(target: Target, seed: int):
    """The ensemble's jumps as emcee takes proposals."""
    jump, generator = Jump.of(target), torch.Generator().manual_seed(seed + 1)

    def propose(here: np.ndarray, _random: Any) -> tuple[np.ndarray, np.ndarray]:
        place = torch.as_tensor(here, dtype=torch.float64, device=target.best.device)
        trial, gain = jump.propose(place[None], generator)
        return trial[0].cpu().numpy(), gain[0].cpu().numpy()

    return propose


def everything(target: Target, chains: np.ndarray, galaxy: int = 0) -> np.ndarray:
    """All P parameters for chains of free ones, (chains, draws, F) to (chains, draws, P)."""
    place = torch.as_tensor(
        chains.reshape(-1, chains.shape[-1]), dtype=torch.float64, device=target.best.device
    )
    row = torch.full((len(place),), galaxy, dtype=torch.long, device=place.device)
    return target.values(row, place).cpu().numpy().reshape(*chains.shape[:2], -1)


def _transform(target: Target, f: int):
    """From the unit interval to one free parameter, following its prior between its limits."""
    index = target.model.free[f]
    parameter: Parameter = target.model.parameters[index]
    low, high = float(target.lower[0, f]), float(target.upper[0, f])
    prior = parameter.prior
    if prior is None or prior.kind == "uniform":
        if not math.isfinite(high - low):
            raise SettingsError(
                f"evidence: {target.model.columns[index]}", f"lies between {low} and {high}",
                "finite limits or a prior", f"give ranges={{'{target.model.columns[index]}': (low, high)}}",
            )  # fmt: skip
        return lambda unit: low + (high - low) * unit
    middle = prior.mean if prior.kind == "normal" else math.log(prior.mean)
    turn = target.model.turns[index]
    if math.isfinite(turn):  # the same direction a turn on may be nearer to the limits
        middle += turn * round((0.5 * (low + high) - middle) / turn)
    ends = [_below(prior, middle, value) for value in (low, high)]
    logarithmic = prior.kind == "lognormal"

    def transform(unit: Tensor) -> Tensor:
        place = middle + prior.width * torch.special.ndtri(ends[0] + (ends[1] - ends[0]) * unit)
        return (place.exp() if logarithmic else place).clamp(low, high)

    return transform


def _below(prior: Prior, middle: float, value: float) -> float:
    """Probability of a normal or log-normal prior below a value."""
    if prior.kind == "lognormal":
        value = math.log(value) if value > 0 else -math.inf
    return 0.5 * (1.0 + math.erf((value - middle) / (prior.width * math.sqrt(2.0))))


def _prior_cost(target: Target, place: Tensor) -> Tensor:
    """What the priors of the free parameters add to the cost, (N,): it is in the transform already."""
    total = place.new_zeros(len(place))
    for f, index in enumerate(target.model.free):
        prior = target.model.parameters[index].prior
        if prior is None or prior.kind == "uniform":
            continue
        value = place[:, f]
        off = (value / prior.mean).log() if prior.kind == "lognormal" else value - prior.mean
        turn = target.model.turns[index]
        if math.isfinite(turn):
            off = (off + 0.5 * turn) % turn - 0.5 * turn
        total += (off / prior.width) ** 2
    return total
