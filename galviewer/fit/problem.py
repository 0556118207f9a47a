"""The problem of one batch: parameters to cost, gradient and normal matrix."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from galviewer.errors import SettingsError
from galviewer.fit.coordinates import Coordinates, coordinates
from galviewer.fit.knowledge import Knowledge, knowledge
from galviewer.fit.likelihood import COUNTING, Likelihood, Pixels, Terms, fitted_nu, of_distribution, terms
from galviewer.model import Model
from galviewer.render import PsfKind, Renderer, RenderSettings

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of the model for b galaxies.

    Parameters
    ----------
    cost : Tensor, (b,)
        What the fit lowers: -2 ln posterior up to a constant; inf where the model is not finite.
    chi2 : Tensor, (b,)
        Sum of squared weighted residuals, whatever the likelihood.
    gradient : Tensor, (b, F)
        Half the downhill gradient of the cost per unit of each free parameter; ``J^T W (data - model)``
        for chi-square.
    normal : Tensor, (b, F, F)
        Half the curvature of the cost, at least semidefinite; ``J^T W J`` for chi-square. All float64.
    """

    cost: Tensor
    chi2: Tensor
    gradient: Tensor
    normal: Tensor


@dataclass(frozen=True)
class Problem:
    """B galaxies of one shape, and the model that is fitted to them.

    Parameters
    ----------
    renderer : Renderer
        Draws the model on these galaxies.
    data, weight : Tensor, (B, H W)
        Pixels, and 1 / sigma (0 where a pixel is ignored).
    sky : Tensor, (K, H W)
        Basis planes of the sky parameters.
    to_columns : Tensor, (Q + K, F)
        How the Jacobian's columns are made of planes.
    likelihood : Likelihood
        What the fit lowers.
    gain, sky_level, read_noise : Tensor, (B, 1), optional
        Electrons per image unit, and in image units the level subtracted earlier and the read noise.
    bounds : (Tensor, Tensor), (B, P) each, optional
        Lower and upper ends of each galaxy, which tighten those of the model.
    multiplicity : Tensor, (B, H W), optional
        How often each pixel counts; once if None.
    """

    renderer: Renderer
    data: Tensor
    weight: Tensor
    sky: Tensor
    to_columns: Tensor
    likelihood: Likelihood = field(default_factory=Likelihood)
    gain: Tensor | None = None
    sky_level: Tensor | None = None
    read_noise: Tensor | None = None
    bounds: tuple[Tensor, Tensor] | None = None
    multiplicity: Tensor | None = None

    @classmethod
    def of(
        cls,
        model: Model,
        image: Tensor,
        sigma: Tensor,
        mask: Tensor,
        psf: Tensor | None,
        zeropoint: Tensor,
        psf_kind: PsfKind = "effective",
        psf_oversample: int = 1,
        settings: RenderSettings | None = None,
        likelihood: Likelihood | None = None,
        gain: Tensor | float | None = None,
        sky_level: Tensor | float | None = None,
        bounds: tuple[Tensor, Tensor] | None = None,
        read_noise: Tensor | float | None = None,
    ) -> Problem:
        """The problem of fitting `model` to images (B, H, W) with sigma and mask of the same shape.

        Masked pixels may hold anything, NaN included; they count nowhere. `gain`, `sky_level` and
        `read_noise` are numbers or (B,).

        Raises
        ------
        SettingsError
            If the likelihood counts electrons and the gain is not known, or a bound lies above its other end.
        """
        renderer = Renderer(
            model,
            (image.shape[-2], image.shape[-1]),
            psf,
            psf_kind,
            psf_oversample,
            zeropoint,
            settings,
            image.dtype,
            image.device,
        )
        likelihood = likelihood or Likelihood()
        counting = [_column(value, image) for value in (gain, sky_level, read_noise)]
        _check(likelihood, counting[0], bounds)
        weight = torch.where(mask, torch.zeros_like(sigma), 1.0 / sigma)
        data = torch.where(mask, torch.zeros_like(image), image)
        layout = renderer.layout
        to_columns = torch.zeros(layout.n_planes + len(layout.sky), len(layout.columns), dtype=torch.float64)
        for f, column in enumerate(layout.columns):
            for plane, factor in column:
                to_columns[plane, f] += factor
        sky = renderer.sky_planes().flatten(1)
        return cls(
            renderer,
            data.flatten(1),
            weight.flatten(1),
            sky,
            to_columns.to(image.device),
            likelihood,
            counting[0],
            counting[1],
            counting[2],
            bounds,
        )

    def __len__(self) -> int:
        return len(self.data)

    @property
    def n_pixels(self) -> Tensor:
        """Pixels that count, (B,)."""
        return (self.weight > 0).sum(1)

    @cached_property
    def space(self) -> Coordinates:
        """The coordinates in which the fit steps, with the bounds of each galaxy."""
        space = coordinates(self.renderer.model, self.data.device)
        return space if self.bounds is None else space.within(self.bounds)

    @property
    def knowledge(self) -> Knowledge:
        """Priors and orders of the model."""
        return knowledge(self.renderer.model, self.data.device)

    def select(self, rows: Tensor) -> Problem:
        """The problem of some of its galaxies."""

        def chosen(values: Tensor | None) -> Tensor | None:
            return None if values is None else values[rows]

        return replace(
            self,
            renderer=self.renderer.select(rows),
            data=self.data[rows],
            weight=self.weight[rows],
            gain=chosen(self.gain),
            sky_level=chosen(self.sky_level),
            read_noise=chosen(self.read_noise),
            bounds=None if self.bounds is None else (self.bounds[0][rows], self.bounds[1][rows]),
            multiplicity=chosen(self.multiplicity),
        )

    def evaluate(self, values: Tensor) -> Evaluation:
        """Cost, chi2, gradient and normal matrix at parameters (B, P), in the vocabulary's units."""
        layout = self.renderer.layout
        planes = self.renderer.planes(values).flatten(2)
        residual = self._residual(planes[:, : len(layout.rendered)].sum(1), values)
        pull = (residual * self.weight).double()
        if self._simple:
            chi2 = (pull * pull).sum(1)
            cost, slope, curvature = chi2, pull, self.weight
        else:
            chi2 = self._chi2(pull)
            found = self._terms(residual)
            cost, root = found.cost, found.curvature.sqrt()
            # Planes times the root of the curvature: the slope is divided by it to make up.
            slope = torch.where(root > 0, found.slope / root, 0.0)
            curvature = root
        count = layout.n_planes + len(layout.sky)
        weighted = torch.empty(
            len(values), count, self.data.shape[1], dtype=torch.float64, device=self.data.device
        )
        torch.mul(planes, curvature[:, None], out=weighted[:, : layout.n_planes])
        if layout.sky:
            torch.mul(self.sky, curvature[:, None], out=weighted[:, layout.n_planes :])
        normal = self.to_columns.T @ (weighted @ weighted.transpose(1, 2)) @ self.to_columns
        gradient = (weighted @ slope[..., None])[..., 0] @ self.to_columns
        if self.likelihood.kind == "chi2_distribution":
            cost, gradient, normal = of_distribution(chi2, gradient, normal, self._freedom)
        if not self.knowledge.empty:
            more = self.knowledge.terms(values)
            cost, gradient, normal = cost + more[0], gradient + more[1], normal + more[2]
        return Evaluation(_finite(cost), _finite(chi2), gradient, normal)

    def cost(self, values: Tensor) -> Tensor:
        """The cost at parameters (B, P) without its derivatives, (B,)."""
        residual = self.data - self.renderer.image(values).flatten(1)
        if self._simple:
            cost = (residual * self.weight).double().square().sum(1)
        else:
            cost = self._terms(residual).cost
        if self.likelihood.kind == "chi2_distribution":
            nothing = cost[:, None]
            cost = of_distribution(cost, nothing, nothing[:, :, None], self._freedom)[0]
        if not self.knowledge.empty:
            cost = cost + self.knowledge.cost(values)
        return _finite(cost)

    def information(self, values: Tensor) -> Tensor:
        """The normal matrix that errors follow from, (B, F, F).

        That of `evaluate`, but for the chi-square distribution: its own says how far chi-square may
        wander, not the parameters.
        """
        kind = self.likelihood.kind
        plain = replace(self, likelihood=Likelihood()) if kind == "chi2_distribution" else self
        return plain.evaluate(values).normal

    def flatness(self, chi2: Tensor) -> Tensor:
        """Slope of the density of chi-square, as a cost, in chi-square itself; (B,), no less than 1e-4."""
        return (1.0 - (self._freedom - 2.0).clamp_min(0.0) / chi2).abs().clamp_min(1e-4)

    def student_nu(self, values: Tensor) -> Tensor:
        """Degrees of freedom of Student's t at parameters (B, P), given or fitted; nan for others; (B,)."""
        if self.likelihood.kind != "student_t":
            return torch.full((len(self),), torch.nan, dtype=torch.float64, device=self.data.device)
        if self.likelihood.nu is not None:
            return torch.full((len(self),), self.likelihood.nu, dtype=torch.float64, device=self.data.device)
        residual = self.data - self.renderer.image(values).flatten(1)
        return fitted_nu((residual * self.weight).double().square(), self._count)

    @property
    def _simple(self) -> bool:
        """Whether pixels are weighted by sigma alone, each once."""
        return self.likelihood.kind in ("chi2", "chi2_distribution") and self.multiplicity is None

    @property
    def _count(self) -> Tensor:
        """How often each pixel counts, (B, H W) float64."""
        used = (self.weight > 0).double()
        return used if self.multiplicity is None else used * self.multiplicity

    @property
    def _freedom(self) -> Tensor:
        """Degrees of freedom, (B,)."""
        return (self._count.sum(1) - self.to_columns.shape[1]).clamp_min(1.0)

    def _residual(self, drawn: Tensor, values: Tensor) -> Tensor:
        """Data minus model, (B, H W), from the sum of the rendered components."""
        residual = self.data - drawn
        for k, term in enumerate(self.renderer.layout.sky):
            residual.addcmul_(values[:, term.parameter, None].to(residual.dtype), self.sky[k], value=-1.0)
        return residual

    def _chi2(self, pull: Tensor) -> Tensor:
        return (pull * pull * self._count).sum(1)

    def _terms(self, residual: Tensor) -> Terms:
        """What the likelihood says of the pixels."""
        data, weight = self.data.double(), self.weight.double()
        nothing = torch.zeros_like(data[:, :1])
        pixels = Pixels(
            data,
            data - residual.double(),
            weight,
            self._count,
            self.gain if self.gain is not None else nothing + 1.0,
            self.sky_level if self.sky_level is not None else nothing,
            self.read_noise if self.read_noise is not None else nothing,
        )
        return terms(self.likelihood, pixels)


def _finite(cost: Tensor) -> Tensor:
    """The same, inf where it is not a number."""
    return torch.where(torch.isfinite(cost), cost, torch.inf)


def _column(value: Tensor | float | None, image: Tensor) -> Tensor | None:
    """A number or (B,) as (B, 1) float64."""
    if value is None:
        return None
    given = torch.as_tensor(value, dtype=torch.float64, device=image.device).reshape(-1, 1)
    return given.expand(len(image), 1)


def _check(likelihood: Likelihood, gain: Tensor | None, bounds: tuple[Tensor, Tensor] | None) -> None:
    """SettingsError for a gain or bounds that do not serve."""
    if likelihood.kind in COUNTING and (gain is None or not bool((gain > 0).all())):
        raise SettingsError(
            "gain", f"is not known, which the likelihood {likelihood.kind!r} needs",
            "electrons per image unit, above 0", "give the gain, or use the likelihood chi2",
        )  # fmt: skip
    if bounds is not None and bool((bounds[0] > bounds[1]).any()):
        raise SettingsError("bounds", "have a lower end above the upper one", "lower <= upper")
