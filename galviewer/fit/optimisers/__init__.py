"""Other ways down than Levenberg-Marquardt; each takes a problem and starts and returns a finished state.

common      what is shared: converged, best of several, rows in bounded memory
gradient    any optimiser of torch.optim, with step lengths per parameter and early stop
lbfgs       batched L-BFGS with a line search and projection at bounds
drawing     start values over the plausible range
multistart  Levenberg-Marquardt from several starts, the best kept
evolution   differential evolution, polished by Levenberg-Marquardt
auto        Levenberg-Marquardt, then more starts for the galaxies in doubt
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from galviewer.fit import levenberg
from galviewer.fit.optimisers import auto, evolution, gradient, lbfgs, multistart

if TYPE_CHECKING:
    from torch import Tensor

    from galviewer.fit.levenberg import State
    from galviewer.fit.problem import Problem
    from galviewer.fit.settings import FitSettings, Method

RUNS: dict[Method, Callable[[Problem, Tensor, FitSettings], State]] = {
    "lm": levenberg.run,
    "gradient": gradient.run,
    "lbfgs": lbfgs.run,
    "multistart": multistart.run,
    "differential_evolution": evolution.run,
    "auto": auto.run,
}
"""Method to the function that carries it out."""

__all__ = ["RUNS"]
