"""The fit's settings, together, each defined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from galviewer.errors import SettingsError
from galviewer.fit.likelihood import Likelihood, LikelihoodKind
from galviewer.fit.search import SearchSettings
from galviewer.render import PSF_KINDS, PsfKind, RenderSettings

Method = Literal["lm", "gradient", "lbfgs", "multistart", "differential_evolution", "auto"]
METHODS: tuple[Method, ...] = ("lm", "gradient", "lbfgs", "multistart", "differential_evolution", "auto")


@dataclass(frozen=True)
class FitSettings:
    """How a batch is fitted.

    Parameters
    ----------
    psf_kind : {"effective", "optical"}
        Whether the PSF stamps contain the pixel's response. Survey stamps do ("effective"); GALFIT
        and imfit integrate the model over the pixel as well ("optical").
    max_iterations : int
        Model evaluations after the first, per galaxy and component.
    decrement : float
        A fit has converged when a full Newton step would lower chi2 by less than this, times chi2 per
        pixel where that exceeds 1; at 1e-3 every parameter is within 0.03 standard errors of the minimum.
    step : float
        A fit has also converged when no coordinate would move by more than this fraction of its
        limit per iteration.
    damping, damping_down, damping_up : float
        Start of the Levenberg-Marquardt damping, relative to the diagonal, and its factors after a
        step that went as predicted and after one that failed.
    dtype : {"float32", "float64"}
        Of the images; normal equations are always in float64.
    device : {"auto", "cpu", "cuda"}
        Where to fit; "auto" takes a GPU if there is one.
    batch_size : int or None
        Galaxies fitted together; None chooses from the memory and caches at hand.
    render : RenderSettings
        Accuracy of the renderer.
    likelihood : {"chi2", "poisson", "pearson", "student_t", "chi2_distribution"}
        What a pixel off the model costs; see docs/fitting.md.
    student_nu : float or None
        Degrees of freedom of Student's t; None fits them to each galaxy.
    method : {"auto", "lm", "gradient", "lbfgs", "multistart", "differential_evolution"}
        How the cost is lowered.
    search : SearchSettings
        Settings of the methods other than "lm".
    """

    psf_kind: PsfKind = "effective"
    max_iterations: int = 60
    decrement: float = 1e-3
    step: float = 1e-6
    damping: float = 1e-2
    damping_down: float = 0.15
    damping_up: float = 8.0
    dtype: Literal["float32", "float64"] = "float32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: int | None = None
    render: RenderSettings = field(default_factory=RenderSettings)
    likelihood: LikelihoodKind = "chi2"
    student_nu: float | None = None
    method: Method = "lm"
    search: SearchSettings = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        Likelihood(self.likelihood, self.student_nu)
        for name, allowed in (
            ("method", METHODS),
            ("psf_kind", PSF_KINDS),
            ("dtype", ("float32", "float64")),
            ("device", ("auto", "cpu", "cuda")),
        ):
            if getattr(self, name) not in allowed:
                raise SettingsError(name, f"is {getattr(self, name)!r}", " or ".join(allowed))
        if self.max_iterations < 1 or (self.batch_size is not None and self.batch_size < 1):
            raise SettingsError("max_iterations and batch_size", "are not positive", "at least 1")
