"""GalaxyFit: everything known about one fitted galaxy, in numpy arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from galviewer import flags

if TYPE_CHECKING:
    from galviewer.model import Model
    from galviewer.survey import Galaxy


def _no_covariance() -> np.ndarray:
    """The covariance of nothing: a fit whose errors are unknown."""
    return np.zeros((0, 0))


@dataclass(frozen=True)
class Choice:
    """Why a fit has the model that it has.

    Parameters
    ----------
    reason : str
        In words.
    bic : float
        Of the chosen model.
    tried : dict
        BIC of every model that was fitted, by its name.
    """

    reason: str
    bic: float
    tried: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GalaxyFit:
    """The fit of one model to one galaxy.

    Parameters
    ----------
    name : str
        The galaxy's name.
    model : Model
        What was fitted: P parameters, F of them free, C components.
    parameters : ndarray, (P,) float64
        Best values in the order of ``model.columns``; tied and fixed ones filled in, nan after a failure.
    errors : ndarray, (P,) float64
        One standard deviation; nan where fixed, at a bound or unknown.
    starts : ndarray, (P,) float64
        Values the fit started from.
    chi2, chi2_nu : float
        Sum of ((data - model) / sigma)^2 over unmasked pixels, and the same per degree of freedom.
    n_pixels, n_free : int
        Unmasked pixels and free parameters.
    iterations : int
        Accepted and rejected steps.
    seconds : float
        This galaxy's share of the time its batch took.
    flags : int
        Bits of `galviewer.flags.Flag`.
    galaxy : Galaxy
        The data that were fitted.
    covariance : ndarray, (F, F) float64
        Of the free parameters in the order of ``model.free``, in the parameters' own units; nan in rows
        and columns without an error. Empty (0, 0) when unknown.
    model_image : ndarray, (H, W) float32, optional
        Sum of the components, convolved, in the image's unit.
    component_images : ndarray, (C, H, W) float32, optional
        Each component by itself, in the model's order.
    message : str
        What went wrong or was repaired, in words.
    psf_kind : str
        "effective", "optical", or "" without a PSF.
    choice : Choice, optional
        Why this model, where it was chosen among several.
    likelihood : str
        What a pixel off the model cost, see docs/fitting.md.
    cost : float
        -2 ln posterior up to a constant: what the fit lowered. Chi2, and the priors' share, for "chi2".
    student_nu : float
        Degrees of freedom of Student's t, as given or fitted; nan for other likelihoods.
    error_kind : str
        What errors and covariance come from: "covariance" (curvature at the best fit) or "bootstrap".
    """

    name: str
    model: Model
    parameters: np.ndarray
    errors: np.ndarray
    starts: np.ndarray
    chi2: float
    chi2_nu: float
    n_pixels: int
    n_free: int
    iterations: int
    seconds: float
    flags: int
    galaxy: Galaxy
    covariance: np.ndarray = field(default_factory=_no_covariance)
    model_image: np.ndarray | None = None
    component_images: np.ndarray | None = None
    message: str = ""
    psf_kind: str = ""
    choice: Choice | None = None
    error_kind: str = "covariance"
    likelihood: str = "chi2"
    cost: float = np.nan
    student_nu: float = np.nan

    def __repr__(self) -> str:
        """One line: name, model, quality, outcome."""
        from galviewer.products import summary

        return f"<GalaxyFit {summary.heading(self)}>"

    def _repr_html_(self) -> str:
        """The table of `summary`, for notebooks."""
        from galviewer.products import summary

        return summary.page(self)

    def summary(self) -> str:
        """Every parameter with its error and unit, and what is worth knowing, as a table of text."""
        from galviewer.products import summary

        return summary.text(self)

    @property
    def usable(self) -> bool:
        """Whether the values are a fit at all (no flag of `flags.FAILURES` set)."""
        return not self.flags & flags.FAILURES

    @property
    def flag_names(self) -> tuple[str, ...]:
        """Names of the flags set."""
        return tuple(flags.names(self.flags))

    @property
    def residual(self) -> np.ndarray | None:
        """Data minus model, (H, W) float32, in the image's unit; None without a model image."""
        if self.model_image is None:
            return None
        return (self.galaxy.image - self.model_image).astype(np.float32)

    def value(self, column: str) -> float:
        """Best value of ``component_parameter``.

        Raises
        ------
        ModelError
            If the model has no such parameter.
        """
        return float(self.parameters[self.model.index(column)])

    def error(self, column: str) -> float:
        """One standard deviation of ``component_parameter``; nan where there is none.

        Raises
        ------
        ModelError
            If the model has no such parameter.
        """
        return float(self.errors[self.model.index(column)])

    def component(self, name: str) -> dict[str, float]:
        """Best values of one component by parameter name.

        Raises
        ------
        ModelError
            If the model has no such component.
        """
        component = self.model.component(name)
        values = self.parameters[self.model.component_slices[name]]
        return {p.name: float(v) for p, v in zip(component.parameters, values, strict=True)}
