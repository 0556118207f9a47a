"""Galaxies of one profile, ready to be evaluated anywhere: what both ways of evaluating them share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from galviewer.profiles import Profile

if TYPE_CHECKING:
    from typing import Self

    from torch import Tensor


@dataclass(frozen=True)
class Realisation:
    """B galaxies drawn with one profile.

    Parameters
    ----------
    profile : Profile
        Elliptical or planar, with any modifiers.
    values : Tensor, (B, p)
        Its parameters in the profile's order and units.
    zeropoint : Tensor, (B,)
        Magnitude of one image unit of flux.
    superelliptical : bool
        Whether any boxiness may differ from 0.
    wanted : frozenset of str
        Parameters whose derivative planes are wanted (`mag` never: it is the image).
    """

    profile: Profile
    values: Tensor
    zeropoint: Tensor
    superelliptical: bool
    wanted: frozenset[str] = frozenset()

    def value(self, name: str) -> Tensor:
        """One parameter of all galaxies, (B,)."""
        return self.values[:, self.profile.parameter_names.index(name)]

    def select(self, rows: Tensor) -> Self:
        """The same for some of the galaxies."""
        return replace(self, values=self.values[rows], zeropoint=self.zeropoint[rows])

    def reach(self) -> float:
        """Distance from the centre, pixels, beyond which none of the galaxies has light to speak of."""
        return math.inf
