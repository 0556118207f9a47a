"""Simulated galaxies of four kinds, drawn by galviewer's renderer, and how clear each is in the noise."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from galviewer.model import Model, template
from galviewer.run.single import Workbench, fit_galaxies
from galviewer.survey import Galaxy

KINDS = ("sersic", "sersic+point", "bulge+disk", "bulge+bar+disk")
SIDE, ZEROPOINT, NOISE = 96, 25.0, 1.0
SIMPLER = {"sersic": (), "sersic+point": ("sersic",), "bulge+disk": ("sersic", "sersic+point")}
SIMPLER["bulge+bar+disk"] = ("sersic", "sersic+point", "bulge+disk")


def psf(fwhm: float) -> np.ndarray:
    """A round Moffat stamp."""
    y, x = np.mgrid[-15:16, -15:16]
    scale = 0.5 * fwhm / math.sqrt(2 ** (1 / 3.5) - 1)
    stamp = (1 + (x**2 + y**2) / scale**2) ** -3.5
    return stamp / stamp.sum()


def truth(kind: str, rng: np.random.Generator) -> dict[str, float]:
    """Parameters of a galaxy of a kind, by column."""
    x, y = 0.5 * (SIDE - 1) + rng.uniform(-1, 1, 2)
    mag = rng.uniform(14.0, 15.5)  # total signal to noise of some hundreds
    place, pa, q = {"x": x, "y": y, "boxiness": 0.0}, rng.uniform(0, 180), rng.uniform(0.45, 0.95)

    def part(name: str, share: float, **more: float) -> dict[str, float]:
        values = place | {"mag": mag - 2.5 * math.log10(share)} | more
        return {f"{name}_{key}": value for key, value in values.items()}

    size = rng.uniform(5.0, 11.0)
    if kind == "sersic":
        return part("sersic", 1.0, r_eff=size, n=rng.uniform(0.7, 4.0), q=q, pa=pa)
    if kind == "sersic+point":
        share = rng.uniform(0.05, 0.3)
        whole = part("sersic", 1 - share, r_eff=size, n=rng.uniform(0.7, 2.5), q=q, pa=pa)
        return whole | part("point", share)
    inner = rng.uniform(1.5, 2.5)
    round_q = rng.uniform(0.75, 1.0)
    if kind == "bulge+disk":
        share = rng.uniform(0.15, 0.6)
        bulge = part("bulge", share, r_eff=inner, n=rng.uniform(1.0, 4.0), q=round_q, pa=pa)
        return bulge | part("disk", 1 - share, r_eff=inner * rng.uniform(3.0, 6.0), q=q, pa=pa)
    share, bar = rng.uniform(0.1, 0.3), rng.uniform(0.12, 0.3)
    disk = inner * rng.uniform(5.0, 7.0)
    return (
        part("bulge", share, r_eff=inner, n=rng.uniform(1.0, 3.0), q=round_q, pa=pa)
        | part("bar", bar, r_eff=disk * rng.uniform(0.45, 0.6), n=0.5, q=rng.uniform(0.2, 0.4),
               pa=(pa + rng.uniform(30, 150)) % 180)
        | part("disk", 1 - share - bar, r_eff=disk, q=max(q, 0.6), pa=pa)
    )  # fmt: skip


def vector(model: Model, values: dict[str, float]) -> np.ndarray:
    """Values by column in the model's order."""
    return np.array([values.get(column, 0.0) for column in model.columns])


def simulate(kind: str, seed: int, sky: float = 0.0) -> tuple[Galaxy, Galaxy, dict[str, float]]:
    """A galaxy with noise, the same without, and its parameters."""
    rng = np.random.default_rng(seed)
    values = truth(kind, rng)
    model = template(kind)
    empty = Galaxy.from_arrays(
        rng.normal(size=(SIDE, SIDE)), np.full((SIDE, SIDE), NOISE), psf(rng.uniform(2.2, 3.5)),
        name=f"{kind}-{seed}", zeropoint=ZEROPOINT,
    )  # fmt: skip
    light = Workbench(empty, model).render(vector(model, values)).sum(0).astype(float) + sky
    sigma = np.sqrt(NOISE**2 + np.maximum(light - sky, 0.0) / 50.0)
    clean = replace(empty, image=light, sigma=sigma)
    return replace(clean, image=light + rng.normal(size=light.shape) * sigma), clean, values


def clearness(kind: str, clean: Galaxy, values: dict[str, float]) -> float:
    """By how much the true kind's BIC is lower than that of every simpler one, for the mean of the noise."""
    found = math.inf
    for simpler in SIMPLER[kind]:
        fit = fit_galaxies([clean], simpler, images=False)[0]
        price = (len(template(kind).free) - len(template(simpler).free)) * math.log(fit.n_pixels)
        found = min(found, fit.chi2 - price)
    return found
