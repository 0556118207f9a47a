"""What is known of a parameter, or of two, before the fit: priors and orders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from galviewer.errors import ModelError

PriorKind = Literal["normal", "lognormal", "uniform"]
PRIOR_KINDS: tuple[PriorKind, ...] = ("normal", "lognormal", "uniform")


@dataclass(frozen=True)
class Prior:
    """Probability of a parameter's value before the data are seen.

    Parameters
    ----------
    kind : {"normal", "lognormal", "uniform"}
        Normal in the value, normal in its logarithm, or flat.
    mean : float
        Middle of the normal; the median of the log-normal.
    width : float
        Standard deviation; of the natural logarithm for the log-normal.
    lower, upper : float
        Where the prior is cut off; finite for a uniform one. The fit takes them as bounds.

    Raises
    ------
    ModelError
        If the kind is unknown, the width not positive, or the limits do not make sense.
    """

    kind: PriorKind
    mean: float = 0.0
    width: float = 1.0
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        if self.kind not in PRIOR_KINDS:
            raise ModelError("prior", f"is {self.kind!r}", " or ".join(PRIOR_KINDS))
        if not (math.isfinite(self.mean) and math.isfinite(self.width) and self.width > 0):
            raise ModelError("prior", f"mean {self.mean}, width {self.width}", "finite, the width above 0")
        if self.kind == "lognormal" and self.mean <= 0:
            raise ModelError("prior", f"lognormal with median {self.mean}", "a median above 0")
        finite = math.isfinite(self.lower) and math.isfinite(self.upper)
        if not self.lower < self.upper or (self.kind == "uniform" and not finite):
            raise ModelError(
                "prior", f"limits [{self.lower}, {self.upper}]", "lower < upper, finite if uniform"
            )

    def cost(self, value: float) -> float:
        """-2 ln of the prior at a value, up to a constant; inf where it is cut off."""
        if not self.lower <= value <= self.upper or (self.kind == "lognormal" and value <= 0):
            return math.inf
        if self.kind == "normal":
            return ((value - self.mean) / self.width) ** 2
        return (math.log(value / self.mean) / self.width) ** 2 if self.kind == "lognormal" else 0.0


def normal(mean: float, width: float, lower: float = -math.inf, upper: float = math.inf) -> Prior:
    """A normal prior, cut off at `lower` and `upper` where given."""
    return Prior("normal", mean, width, lower, upper)


def lognormal(median: float, width: float, lower: float = 0.0, upper: float = math.inf) -> Prior:
    """A prior normal in ln(value), `width` being the standard deviation of that logarithm."""
    return Prior("lognormal", median, width, lower, upper)


def uniform(lower: float, upper: float) -> Prior:
    """A flat prior between two limits."""
    return Prior("uniform", lower=lower, upper=upper)


@dataclass(frozen=True)
class Order:
    """Two parameters of which one stays below the other: ``smaller <= factor * larger``.

    Parameters
    ----------
    smaller, larger : str
        As ``component.parameter``.
    factor : float
        Above 0.
    """

    smaller: str
    larger: str
    factor: float = 1.0
