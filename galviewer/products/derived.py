"""Quantities that follow from fitted parameters, for one set of parameters or many, with their covariance.

Fluxes, fractions, total magnitude, bulge-to-total ratio, surface brightness and half-light radii, under the
names the catalogue gives them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from galviewer import conventions
from galviewer.products.catalogue import HalfLightFinder, full_covariance
from galviewer.products.fitted import GalaxyFit
from galviewer.products.photometry import half_light, surface_brightness

if TYPE_CHECKING:
    from galviewer.model import Component


class Derived(NamedTuple):
    """Derived quantities of one fit.

    Parameters
    ----------
    names : tuple of str
        K catalogue columns.
    values : ndarray, (K,)
        At the best fit.
    covariance : ndarray, (K, K)
        To first order in the covariance of the parameters; zero where nothing is uncertain.
    """

    names: tuple[str, ...]
    values: np.ndarray
    covariance: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """One standard deviation of each, (K,)."""
        return np.sqrt(np.diag(self.covariance).clip(0.0))


def derived(fit: GalaxyFit, find_half_light: HalfLightFinder = half_light) -> Derived:
    """Derived quantities of a fit with their covariance.

    Parameters
    ----------
    fit : GalaxyFit
        The fit.
    find_half_light : callable
        Half-light radius of a profile; replace it for profiles without a closed form.

    Returns
    -------
    Derived
        The derivatives are central differences of a hundredth of an error.
    """
    covariance = full_covariance(fit)
    steps = 0.01 * np.sqrt(np.diag(covariance).clip(0.0))
    varying = np.flatnonzero(steps > 0)
    best = np.asarray(fit.parameters, dtype=float)
    moves = np.zeros((len(varying), best.size))
    moves[np.arange(len(varying)), varying] = steps[varying]
    names, values = quantities(fit, np.concatenate((best[None], best + moves, best - moves)), find_half_light)
    forward, backward = np.split(values[1:], 2)
    slopes = np.zeros((len(names), best.size))
    slopes[:, varying] = (forward - backward).T / (2.0 * steps[varying])
    return Derived(names, values[0], slopes @ covariance @ slopes.T)


def quantities(
    fit: GalaxyFit, parameters: np.ndarray, find_half_light: HalfLightFinder = half_light
) -> tuple[tuple[str, ...], np.ndarray]:
    """Derived quantities of many sets of parameters of one galaxy.

    Parameters
    ----------
    fit : GalaxyFit
        Tells the model, the zeropoint and the pixel scale.
    parameters : ndarray, (N, P)
        For instance draws.
    find_half_light : callable
        As for `derived`.

    Returns
    -------
    names : tuple of str
        K catalogue columns.
    values : ndarray, (N, K)
    """
    names, values = _fluxes(fit, parameters)
    if fit.galaxy.pixel_scale is not None:
        for component in fit.model.components:
            if {"mag", "q", "boxiness"} <= {p.name for p in component.parameters}:
                c = component.name
                names += [f"{c}_mu_eff", f"{c}_mean_mu_eff", f"{c}_r_eff_arcsec"]
                values += list(_brightness(fit, component, parameters, find_half_light).T)
    return tuple(names), np.stack(values, axis=1) if values else np.zeros((len(parameters), 0))


def _fluxes(fit: GalaxyFit, parameters: np.ndarray) -> tuple[list[str], list[np.ndarray]]:
    """Fluxes, fractions and totals of the components that have a magnitude."""
    luminous = [c.name for c in fit.model.components if "mag" in {p.name for p in c.parameters}]
    if not luminous:
        return [], []
    at = [fit.model.index(f"{name}_mag") for name in luminous]
    zeropoint = fit.galaxy.zeropoint
    fluxes = conventions.mag_to_flux(parameters[:, at], zeropoint)
    total = fluxes.sum(1)
    found = {f"{name}_flux": fluxes[:, k] for k, name in enumerate(luminous)}
    found |= {f"{name}_fraction": fluxes[:, k] / total for k, name in enumerate(luminous)}
    found |= {"total_flux": total, "total_mag": zeropoint - 2.5 * np.log10(total)}
    if {"bulge", "disk"} <= set(luminous):
        found["bt"] = found["bulge_fraction"]
    return list(found), list(found.values())


def _brightness(
    fit: GalaxyFit, component: Component, parameters: np.ndarray, find_half_light: HalfLightFinder
) -> np.ndarray:
    """Surface brightness at and within the half-light radius, and that radius in arcsec; (N, 3)."""
    part = parameters[:, fit.model.component_slices[component.name]]
    if component.modifiers:  # its half-light radius is not its r_eff
        return np.full((len(part), 3), math.nan)
    names = [p.name for p in component.parameters]
    shape_names = [p.name for p in component.declaration.shape]
    relevant = [k for k, name in enumerate(names) if name not in ("x", "y", "pa")]
    scale = fit.galaxy.pixel_scale or math.nan
    distinct, place = np.unique(part[:, relevant], axis=0, return_inverse=True)
    found = np.empty((len(distinct), 3))
    for k, row in enumerate(distinct):
        named = {names[j]: float(v) for j, v in zip(relevant, row, strict=True)}
        light = find_half_light(component.profile, {s: named[s] for s in shape_names})
        mu_eff, mean = surface_brightness(named["mag"], light, named["q"], named["boxiness"], scale)
        found[k] = mu_eff, mean, light.radius * scale
    return found[place.reshape(-1)]
