"""Posteriors of many galaxies at once: an affine-invariant ensemble of walkers per galaxy, in one batch.

Two moves alternate by lot. The stretch move needs to know nothing and follows any posterior, in many steps.
A jump to a draw from a Student-t distribution with the covariance of the fit forgets at once where the walker
was, and is mostly accepted where the posterior is near Gaussian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from galviewer.errors import SettingsError
from galviewer.uncertainty.target import Target

if TYPE_CHECKING:
    from torch import Tensor

_STRETCH = 2.0
"""Largest stretch of a move, Goodman & Weare's a."""
_FREEDOM = 5
"""Degrees of freedom of the Student-t distribution of jumps: tails that reach where a Gaussian would not."""
JUMPS = 0.5
"""Fraction of the moves that are jumps."""


@dataclass(frozen=True)
class Chains:
    """What the walkers of G galaxies visited.

    Parameters
    ----------
    values : Tensor, (G, W, S, F)
        Free parameters of W walkers at S steps.
    log_probability : Tensor, (G, W, S)
        There.
    acceptance : Tensor, (G,)
        Fraction of moves accepted.
    """

    values: Tensor
    log_probability: Tensor
    acceptance: Tensor


def sample(
    target: Target,
    steps: int = 500,
    burn: int = 100,
    walkers: int | None = None,
    thin: int = 1,
    seed: int = 0,
) -> Chains:
    """Walk on the posteriors of all galaxies of a target.

    Parameters
    ----------
    target : Target
        G galaxies.
    steps, burn : int
        Steps kept, and steps before them that are not.
    walkers : int, optional
        Per galaxy, even and at least twice the free parameters; None for four times as many, 32 at least.
    thin : int
        Only every so-manieth step is kept.
    seed : int
        Of the random numbers, the same on every device.

    Returns
    -------
    Chains
        ``steps // thin`` steps of each walker.

    Raises
    ------
    SettingsError
        If the walkers are too few or odd, or nothing is left of the steps.

    Notes
    -----
    A stretch moves a walker along its line to one of the other half of the ensemble, both halves in turn.
    All walkers of one half of all galaxies are one batch.

    References
    ----------
    Goodman & Weare 2010, Comm. App. Math. Comp. Sci. 5, 65, eqs 7-9.
    """
    count = len(target.free)
    walkers = walkers or ensemble_size(count)
    if walkers < 2 * count or walkers % 2 or steps < thin or thin < 1 or burn < 0:
        raise SettingsError(
            "sampler",
            f"{walkers} walkers, {steps} steps, every {thin}th",
            f"an even number >= {2 * count}, steps",
        )
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        place, jump = target.scattered(walkers, generator), Jump.of(target)
        galaxies, half = len(place), walkers // 2
        rows = torch.arange(galaxies, device=place.device)
        all_rows = rows.repeat_interleave(walkers)
        height = target.log_probability(all_rows, place.flatten(0, 1)).reshape(galaxies, walkers)
        kept, heights = [], []
        accepted = torch.zeros(galaxies, dtype=torch.float64, device=place.device)
        for number in range(burn + steps):
            jumping = float(torch.rand((), generator=generator)) < JUMPS
            for side in (0, 1):
                moving, others = (slice(k * half, (k + 1) * half) for k in (side, 1 - side))
                here = place[:, moving]
                if jumping:
                    trial, gain = jump.propose(here, generator)
                else:
                    trial, gain = stretch(here, place[:, others], generator)
                taken, found = _judge(target, rows, trial, gain, height[:, moving], generator)
                place[:, moving] = torch.where(taken[..., None], trial, here)
                height[:, moving] = torch.where(taken, found, height[:, moving])
                if number >= burn:
                    accepted += taken.double().mean(1)
            if number >= burn and (number - burn + 1) % thin == 0:
                kept.append(place.clone())
                heights.append(height.clone())
        return Chains(torch.stack(kept, 2), torch.stack(heights, 2), accepted / (2 * steps))


def ensemble_size(count: int) -> int:
    """Walkers for so many free parameters."""
    return max(32, 4 * count)


def stretch(here: Tensor, others: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Stretch moves of walkers (G, W, F) towards or away from random ones among others (G, W, F).

    Returns
    -------
    trial : Tensor, (G, W, F)
    gain : Tensor, (G, W)
        What is added to ln(probability there / here) in the decision.
    """
    galaxies, half, count = here.shape
    uniform = torch.rand(galaxies, half, dtype=torch.float64, generator=generator).to(here.device)
    partner = torch.randint(half, (galaxies, half), generator=generator).to(here.device)
    factor = ((_STRETCH - 1.0) * uniform + 1.0) ** 2 / _STRETCH
    origin = others.gather(1, partner[..., None].expand(-1, -1, count))
    return origin + factor[..., None] * (here - origin), (count - 1) * factor.log()


@dataclass(frozen=True)
class Jump:
    """Proposals that do not depend on where the walker is: a Student-t distribution around the best fit.

    Parameters
    ----------
    middle : Tensor, (G, F)
        Best fits.
    root : Tensor, (G, F, F)
        Square roots of their covariance, lower triangular.
    """

    middle: Tensor
    root: Tensor

    @classmethod
    def of(cls, target: Target) -> Jump:
        """Around the best fits of a target."""
        return cls(target.best[:, target.free], target.spread())

    def propose(self, here: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Jumps of walkers (G, W, F), and what is added to ln(probability there / here) in the decision."""
        normal = torch.randn(here.shape, dtype=torch.float64, generator=generator)
        tail = torch.randn(*here.shape[:2], _FREEDOM, dtype=torch.float64, generator=generator)
        unit = normal / (tail.square().mean(2, keepdim=True)).sqrt()
        unit = unit.to(here.device)
        trial = self.middle[:, None] + unit @ self.root.transpose(1, 2)
        return trial, self._log_density(here) - _student(unit)

    def _log_density(self, place: Tensor) -> Tensor:
        off = (place - self.middle[:, None]).transpose(1, 2)
        return _student(torch.linalg.solve_triangular(self.root, off, upper=False).transpose(1, 2))


def _student(unit: Tensor) -> Tensor:
    """Ln of the Student-t density of vectors in units of their spread, up to a constant."""
    return -0.5 * (_FREEDOM + unit.shape[-1]) * torch.log1p(unit.square().sum(-1) / _FREEDOM)


def _judge(
    target: Target, rows: Tensor, trial: Tensor, gain: Tensor, height: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Which trials are taken, and their ln probability, both (G, W)."""
    galaxies, half, _ = trial.shape
    found = target.log_probability(rows.repeat_interleave(half), trial.flatten(0, 1)).reshape(galaxies, half)
    luck = torch.rand(galaxies, half, dtype=torch.float64, generator=generator).log().to(found.device)
    return luck < torch.where(found > -math.inf, gain + found - height, -math.inf), found
