"""Settings of the methods other than Levenberg-Marquardt, together, each defined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from galviewer.errors import SettingsError


@dataclass(frozen=True)
class SearchSettings:
    """How the other methods search.

    Parameters
    ----------
    optimiser : str
        Class of `torch.optim` for the method "gradient"; LBFGS is a method of its own.
    steps : mapping of str to float, or pairs
        Step lengths (learning rates) by parameter (``"r_eff"``) or column (``"disk_r_eff"``), in the
        parameter's unit, for sizes and indices as a fraction; others step a fifth of their limit
        (with SGD a twentieth).
    patience : int
        A galaxy stops after so many iterations without improvement.
    max_iterations : int
        Evaluations of "gradient" and "lbfgs" per galaxy.
    memory : int
        Pairs of steps that "lbfgs" remembers.
    starts : int
        Start values per galaxy of "multistart", the given ones included.
    population, generations : int
        Members and generations of "differential_evolution".
    seed : int
        Of the random numbers; all galaxies get the same ones, so that none depends on its batch.
    """

    optimiser: str = "Adam"
    steps: Mapping[str, float] | Sequence[Sequence] = ()
    patience: int = 40
    max_iterations: int = 1000
    memory: int = 8
    starts: int = 8
    population: int = 32
    generations: int = 40
    seed: int = 0

    def __post_init__(self) -> None:
        pairs = self.steps.items() if isinstance(self.steps, Mapping) else self.steps
        pairs = tuple(sorted((str(name), float(length)) for name, length in pairs))
        object.__setattr__(self, "steps", pairs)
        for name, length in pairs:
            if not length > 0:
                raise SettingsError(f"step of {name}", f"is {length}", "a length above 0")
        for name in ("patience", "max_iterations", "memory", "starts", "generations"):
            if getattr(self, name) < 1:
                raise SettingsError(name, f"is {getattr(self, name)}", "1 or more")
        if self.population < 5:
            raise SettingsError("population", f"is {self.population}", "5 or more")
