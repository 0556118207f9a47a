"""What every fitter's benchmark process does alike: read stamps, time fits, report JSON.

A worker runs in its own interpreter (a peer's environment has no galviewer), so this file needs only numpy
and astropy. The fitter-specific part is one function ``fit(stamp, start, model) -> Answer``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

ZEROPOINT = 22.5
Parts = dict[str, dict[str, float]]  # component -> parameter -> value, galviewer's vocabulary


@dataclass(frozen=True)
class Stamp:
    """One galaxy: image, sigma, effective PSF, all float64 [y, x]."""

    name: str
    image: np.ndarray
    sigma: np.ndarray
    psf: np.ndarray


@dataclass(frozen=True)
class Answer:
    """A fitter's result: parameters per component, its model image, whether it calls itself converged."""

    parts: Parts
    image: np.ndarray
    converged: bool


def read(path: Path) -> np.ndarray:
    """Pixels of a primary image as native float64."""
    return np.ascontiguousarray(fits.getdata(path), dtype=np.float64)


def read_stamps(folder: Path, names: list[str]) -> list[Stamp]:
    """The named galaxies of a folder that holds one ``psf.fits`` for all."""
    psf = read(folder / "psf.fits")
    psf = psf / psf.sum()
    return [
        Stamp(name, read(folder / f"{name}_image.fits"), read(folder / f"{name}_sigma.fits"), psf)
        for name in names
    ]


def sersic_b(n: float) -> float:
    """b_n by Newton's method on the series of the incomplete gamma function; better than 1e-9."""
    b = 2 * n - 1 / 3 + 4 / (405 * n)
    a = 2 * n
    for _ in range(20):
        term = total = 1 / a
        for k in range(1, 500):
            term *= b / (a + k)
            total += term
        p = total * math.exp(-b + a * math.log(b) - math.lgamma(a))
        b -= (p - 0.5) / math.exp(-b + (a - 1) * math.log(b) - math.lgamma(a))
    return b


def sersic_flux(n: float, r_eff: float, q: float) -> float:
    """Total flux of a Sersic profile whose brightness at r_eff is 1."""
    b = sersic_b(n)
    return 2 * math.pi * q * r_eff**2 * n * math.exp(b - 2 * n * math.log(b) + math.lgamma(2 * n))


def to_flux(mag: float) -> float:
    """Flux in image units."""
    return 10 ** (-0.4 * (mag - ZEROPOINT))


def to_mag(flux: float) -> float:
    """Magnitude; NaN for a flux that is not positive."""
    return ZEROPOINT - 2.5 * math.log10(flux) if flux > 0 else math.nan


def arguments() -> argparse.Namespace:
    """Parse the options common to all workers."""
    parser = argparse.ArgumentParser(description="Fit stamps and report JSON; started by speed.py")
    parser.add_argument("folder", type=Path)
    parser.add_argument("starts", type=Path, help="JSON: galaxy -> component -> parameter -> start value")
    parser.add_argument("--model", choices=["sersic", "bulge+disk"], default="sersic")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, help="galaxies per batch (galviewer only)")
    return parser.parse_args()


def describe(stamp: Stamp, answer: Answer, seconds: float) -> dict[str, object]:
    """One galaxy's row of the report; chi2 from the fitter's own model image."""
    chi2 = float(np.sum(((stamp.image - answer.image) / stamp.sigma) ** 2))
    return {
        "name": stamp.name,
        "seconds": seconds,
        "chi2": chi2,
        "pixels": stamp.image.size,
        "converged": answer.converged,
        "parts": answer.parts,
    }


def report(fitter: str, version: str, rows: list[dict[str, object]]) -> None:
    """Write the result as one line of JSON, the last that a worker prints."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # kilobytes on Linux
    print(json.dumps({"fitter": fitter, "version": version, "peak_mb": peak, "rows": rows}))


def keep_to(threads: int) -> None:
    """Keep this process on as many cores as it may use, so that "one core" is one core for every fitter."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def run(fitter: str, version: str, fit: Callable[[Stamp, Parts, str], Answer]) -> None:
    """Fit every galaxy one by one, after one untimed fit that warms caches and lazy imports."""
    options = arguments()
    keep_to(options.threads)
    starts: dict[str, Parts] = json.loads(options.starts.read_text())
    stamps = read_stamps(options.folder, list(starts))

    def survived(stamp: Stamp) -> Answer:
        """The fit, or where it raised a model of nothing, not converged."""
        try:
            return fit(stamp, starts[stamp.name], options.model)
        except Exception as error:
            print(f"{stamp.name}: {type(error).__name__}: {error}", file=sys.stderr)
            unknown = {c: dict.fromkeys(values, math.nan) for c, values in starts[stamp.name].items()}
            return Answer(unknown, np.zeros_like(stamp.image), False)

    survived(stamps[0])
    rows = []
    for stamp in stamps:
        begin = time.perf_counter()
        answer = survived(stamp)
        rows.append(describe(stamp, answer, time.perf_counter() - begin))
    report(fitter, version, rows)
