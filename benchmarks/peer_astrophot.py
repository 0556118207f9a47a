"""Fit with AstroPhot's Levenberg-Marquardt and its default accuracy settings."""

from __future__ import annotations

import math
from importlib.metadata import version

import astrophot as ap
from worker import Answer, Parts, Stamp, run, sersic_flux, to_flux, to_mag

R_EFF_PER_SCALE = 1.678346990  # half-light radius of an exponential disk in scale lengths


def common(start: dict[str, float]) -> dict[str, object]:
    """Shape of a component; AstroPhot counts pa from north like galviewer, in radians."""
    return {"q": min(start["q"], 0.99), "PA": math.radians(start["pa"])}


def sersic(name: str, start: dict[str, float], target: ap.TargetImage) -> ap.Model:
    """A Sersic galaxy model with brightness from total magnitude."""
    brightness = to_flux(start["mag"]) / sersic_flux(start["n"], start["r_eff"], start["q"])
    return ap.Model(
        name=name,
        model_type="sersic galaxy model",
        target=target,
        psf_convolve=True,
        center=(start["x"], start["y"]),
        n=start["n"],
        Re=start["r_eff"],
        Ie=brightness,
        **common(start),
    )


def exponential(name: str, start: dict[str, float], target: ap.TargetImage) -> ap.Model:
    """An exponential galaxy model; AstroPhot's Ie is the brightness at the half-light radius."""
    scale = start["r_eff"] / R_EFF_PER_SCALE
    central = to_flux(start["mag"]) / (2 * math.pi * start["q"] * scale**2)
    return ap.Model(
        name=name,
        model_type="exponential galaxy model",
        target=target,
        psf_convolve=True,
        center=(start["x"], start["y"]),
        Re=start["r_eff"],
        Ie=central * math.exp(-R_EFF_PER_SCALE),
        **common(start),
    )


def read_part(model: ap.Model, centre: ap.Model) -> dict[str, float]:
    """Values in galviewer's vocabulary."""
    x, y = (float(v) for v in centre.center.value)
    q, r_eff, brightness = float(model.q.value), float(model.Re.value), float(model.Ie.value)
    part = {"x": x, "y": y, "r_eff": r_eff, "q": q, "pa": math.degrees(float(model.PA.value)) % 180}
    if hasattr(model, "n"):
        part["n"] = float(model.n.value)
    part["mag"] = to_mag(brightness * sersic_flux(part.get("n", 1.0), r_eff, q))
    return part


def fit(stamp: Stamp, start: Parts, model: str) -> Answer:
    """One fit from the given start values; both components share one centre."""
    target = ap.TargetImage(
        data=stamp.image,
        variance=stamp.sigma**2,
        psf=ap.PSFImage(data=stamp.psf),
        pixelscale=1.0,
        zeropoint=22.5,
    )
    first = next(iter(start))
    parts = {first: sersic(first, start[first], target)}
    whole = parts[first]
    if model == "bulge+disk":
        parts["disk"] = exponential("disk", start["disk"], target)
        parts["disk"].center = parts[first].center
        whole = ap.Model(name="galaxy", model_type="group model", target=target, models=list(parts.values()))
    whole.initialize()
    result = ap.fit.LM(whole, verbose=0).fit(update_uncertainty=True)
    image = whole().data.detach().numpy()
    answer = {name: read_part(part, parts[first]) for name, part in parts.items()}
    return Answer(answer, image, "success" in result.message)


if __name__ == "__main__":
    run("AstroPhot", version("astrophot"), fit)
