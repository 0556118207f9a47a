"""galviewer: fit surface-brightness models to many galaxy images, and look at every fit.

Data walks through the package from left to right; a folder knows only what stands to its left::

    conventions errors flags    pixel origin, angles, magnitudes; exceptions; registry of outcomes
    profiles  -> model          how brightness depends on radius; components, ties, bounds
    survey    -> guess          a folder on disk to galaxies; start values from pixels
    render    -> fit -> uncertainty    parameters to images; Levenberg-Marquardt; covariance
    products  -> run            catalogue and FITS blocks; run directories
    explorer, cli               the screen; the commands

The names below load what they need when they are first used::

    Galaxy, SurveySettings, scan, read   what a folder holds
    Model, load_model, profiles          what is fitted
    read_galfit, read_imfit              set-ups of other programs
    fit_image, fit_folder                one image, or one folder, in one call
    FitSettings, fit_galaxies, Workbench one galaxy or many, here and now
    GalaxyFit, figure, companions        what comes out; drawn for a paper; without a model
    bootstrap, posterior, evidence, systematic    errors beyond the covariance
    RunSettings, execute, open_run       a folder into a run directory, and looking at one
    explore                              the explorer, in a notebook or a browser
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galviewer.api import companions, figure, fit_folder, fit_image
    from galviewer.explorer import explore
    from galviewer.fit import FitSettings
    from galviewer.model import Model
    from galviewer.model import load as load_model
    from galviewer.products import GalaxyFit
    from galviewer.run import RunSettings, execute
    from galviewer.run import open as open_run
    from galviewer.run.single import Workbench, fit_galaxies
    from galviewer.run.uncertainties import bootstrap, evidence, posterior, systematic
    from galviewer.survey import Galaxy, SurveySettings, read, scan
    from galviewer.survey.setups import read_galfit, read_imfit

__version__ = "0.1.0"

__all__ = [
    "FitSettings",
    "Galaxy",
    "GalaxyFit",
    "Model",
    "RunSettings",
    "SurveySettings",
    "Workbench",
    "bootstrap",
    "companions",
    "evidence",
    "execute",
    "explore",
    "figure",
    "fit_folder",
    "fit_galaxies",
    "fit_image",
    "load_model",
    "open_run",
    "posterior",
    "read",
    "read_galfit",
    "read_imfit",
    "scan",
    "systematic",
]

_HOMES = {
    "FitSettings": ("galviewer.fit", "FitSettings"),
    "Galaxy": ("galviewer.survey", "Galaxy"),
    "GalaxyFit": ("galviewer.products", "GalaxyFit"),
    "Model": ("galviewer.model", "Model"),
    "RunSettings": ("galviewer.run", "RunSettings"),
    "SurveySettings": ("galviewer.survey", "SurveySettings"),
    "Workbench": ("galviewer.run.single", "Workbench"),
    "bootstrap": ("galviewer.run.uncertainties", "bootstrap"),
    "companions": ("galviewer.api", "companions"),
    "evidence": ("galviewer.run.uncertainties", "evidence"),
    "execute": ("galviewer.run", "execute"),
    "explore": ("galviewer.explorer", "explore"),
    "figure": ("galviewer.api", "figure"),
    "fit_folder": ("galviewer.api", "fit_folder"),
    "fit_image": ("galviewer.api", "fit_image"),
    "fit_galaxies": ("galviewer.run.single", "fit_galaxies"),
    "load_model": ("galviewer.model", "load"),
    "open_run": ("galviewer.run", "open"),
    "posterior": ("galviewer.run.uncertainties", "posterior"),
    "read": ("galviewer.survey", "read"),
    "read_galfit": ("galviewer.survey.setups", "read_galfit"),
    "read_imfit": ("galviewer.survey.setups", "read_imfit"),
    "scan": ("galviewer.survey", "scan"),
    "systematic": ("galviewer.run.uncertainties", "systematic"),
}
_FOLDERS = ("conventions", "errors", "flags", "sample", "profiles", "model", "survey", "guess")
_FOLDERS += ("render", "fit", "uncertainty", "products", "run", "api", "explorer")


def __getattr__(name: str) -> Any:
    """A public name or a folder, loaded on first use."""
    if name in _HOMES:
        module, attribute = _HOMES[name]
        return getattr(importlib.import_module(module), attribute)
    if name in _FOLDERS:
        return importlib.import_module(f"galviewer.{name}")
    raise AttributeError(f"module 'galviewer' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Public names and folders."""
    return sorted({*globals(), *__all__, *_FOLDERS})
