"""Fit with pyimfit's Levenberg-Marquardt (imfit's core), as its documentation advises."""

from __future__ import annotations

import math
from importlib.metadata import version

import pyimfit
from worker import Answer, Parts, Stamp, run, sersic_flux, to_flux, to_mag

R_EFF_PER_SCALE = 1.678346990  # half-light radius of an exponential disk in scale lengths


def parameter(name: str, value: float, low: float, high: float) -> pyimfit.ParameterDescription:
    """A parameter kept inside its limits."""
    return pyimfit.ParameterDescription(name, min(max(value, low), high), limits=[low, high])


def sersic(start: dict[str, float]) -> pyimfit.FunctionDescription:
    """The Sersic function with brightness from total magnitude."""
    brightness = to_flux(start["mag"]) / sersic_flux(start["n"], start["r_eff"], start["q"])
    return pyimfit.FunctionDescription(
        "Sersic",
        parameters=[
            parameter("PA", start["pa"], -180.0, 360.0),
            parameter("ell", 1 - start["q"], 0.0, 0.95),
            parameter("n", start["n"], 0.3, 8.0),
            parameter("I_e", brightness, 0.0, 1e4 * brightness),
            parameter("r_e", start["r_eff"], 0.1, 200.0),
        ],
    )


def exponential(start: dict[str, float]) -> pyimfit.FunctionDescription:
    """The Exponential function."""
    scale = start["r_eff"] / R_EFF_PER_SCALE
    brightness = to_flux(start["mag"]) / (2 * math.pi * start["q"] * scale**2)
    return pyimfit.FunctionDescription(
        "Exponential",
        parameters=[
            parameter("PA", start["pa"], -180.0, 360.0),
            parameter("ell", 1 - start["q"], 0.0, 0.95),
            parameter("I_0", brightness, 0.0, 1e4 * brightness),
            parameter("h", scale, 0.1, 200.0),
        ],
    )


def read_sersic(x: float, y: float, values: list[float]) -> dict[str, float]:
    """Imfit's raw values in galviewer's vocabulary."""
    pa, ell, n, brightness, r_eff = values
    flux = brightness * sersic_flux(n, r_eff, 1 - ell)
    return {"x": x - 1, "y": y - 1, "mag": to_mag(flux), "r_eff": r_eff, "n": n, "q": 1 - ell, "pa": pa % 180}


def read_exponential(x: float, y: float, values: list[float]) -> dict[str, float]:
    """Imfit's raw values in galviewer's vocabulary."""
    pa, ell, brightness, scale = values
    flux = 2 * math.pi * (1 - ell) * scale**2 * brightness
    return {
        "x": x - 1,
        "y": y - 1,
        "mag": to_mag(flux),
        "r_eff": scale * R_EFF_PER_SCALE,
        "q": 1 - ell,
        "pa": pa % 180,
    }


def fit(stamp: Stamp, start: Parts, model: str) -> Answer:
    """One fit from the given start values; both components share one centre."""
    first = next(iter(start.values()))
    height, width = stamp.image.shape
    functions = pyimfit.FunctionSetDescription(
        "galaxy", parameter("X0", first["x"] + 1, 1, width), parameter("Y0", first["y"] + 1, 1, height)
    )
    functions.addFunction(sersic(first))
    if model == "bulge+disk":
        functions.addFunction(exponential(start["disk"]))
    fitter = pyimfit.Imfit(pyimfit.ModelDescription([functions]), psf=stamp.psf)
    fitter.fit(stamp.image, error=stamp.sigma, error_type="sigma", solver="LM")
    raw = list(fitter.getRawParameters())
    x, y = raw[:2]
    if model == "sersic":
        parts = {"sersic": read_sersic(x, y, raw[2:])}
    else:
        parts = {"bulge": read_sersic(x, y, raw[2:7]), "disk": read_exponential(x, y, raw[7:])}
    return Answer(parts, fitter.getModelImage(), bool(fitter.fitConverged))


if __name__ == "__main__":
    run("pyimfit", version("pyimfit"), fit)
