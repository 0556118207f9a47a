"""Component images while sliders move: only the components that changed are drawn again."""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.model import Model

if TYPE_CHECKING:
    from galviewer.fit import FitSettings
    from galviewer.products import GalaxyFit
    from galviewer.survey import Galaxy


class LiveModel:
    """One galaxy and one model, ready to be drawn many times and fitted.

    Parameters
    ----------
    galaxy : Galaxy
        The data.
    model : Model
        P parameters, C components.
    settings : FitSettings
        For rendering and fitting.
    """

    def __init__(self, galaxy: Galaxy, model: Model, settings: FitSettings) -> None:
        self._galaxy, self._model, self._settings = galaxy, model, settings
        self._alone: dict[str, Any] = {}
        self._values: np.ndarray | None = None
        self._images: np.ndarray | None = None

    @cached_property
    def _whole(self) -> Any:
        from galviewer.run.single import Workbench

        return Workbench(self._galaxy, self._model, self._settings)

    def starts(self) -> np.ndarray:
        """Start values measured on the pixels, (P,)."""
        return self._whole.starts()

    def fit(self, starts: np.ndarray) -> GalaxyFit:
        """A fit from these values, (P,)."""
        return self._whole.fit(starts)

    def render(self, values: np.ndarray) -> np.ndarray:
        """One convolved image per component.

        Parameters
        ----------
        values : ndarray, (P,)
            Ties already followed.

        Returns
        -------
        ndarray, (C, H, W) float32
            Image unit; not to be written to.
        """
        changed = self._changed(values)
        images = self._images
        if images is None or len(changed) == len(self._model.components) > 1:
            images = self._whole.render(values)
        elif changed:
            images = images.copy()
            for name, k in changed:
                images[k] = self._single(name).render(values[self._model.component_slices[name]])[0]
        self._images, self._values = images, np.array(values, float)
        return images

    def _changed(self, values: np.ndarray) -> list[tuple[str, int]]:
        """Name and place of the components whose parameters differ from those last drawn."""
        names = [component.name for component in self._model.components]
        if self._values is None:
            return list(zip(names, range(len(names)), strict=True))
        slices = self._model.component_slices
        return [
            (n, k)
            for k, n in enumerate(names)
            if not np.array_equal(values[slices[n]], self._values[slices[n]])
        ]

    def _single(self, name: str) -> Any:
        """A workbench of that component by itself, its ties cut."""
        if len(self._model.components) == 1:
            return self._whole
        if name not in self._alone:
            from galviewer.run.single import Workbench

            component = self._model.component(name)
            cut = tuple(dataclasses.replace(p, tied=None) for p in component.parameters)
            alone = Model((dataclasses.replace(component, parameters=cut),), name=name)
            self._alone[name] = Workbench(self._galaxy, alone, self._settings)
        return self._alone[name]
