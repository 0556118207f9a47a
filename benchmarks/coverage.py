"""Measure whether errors cover the truth: galaxies simulated, fitted from measured starts, compared.

Usage::

    python benchmarks/coverage.py --errors covariance --galaxies 1000 --side 64
    python benchmarks/coverage.py --errors bootstrap --galaxies 1000 --side 48 --refits 100

Single Sersic galaxies of 16 to 19 mag, n 0.7 to 4, r_eff 2 to 6 pixels, q 0.3 to 0.9, under a Moffat PSF
with sky and photon noise. Prints pulls and coverage per parameter; ``--out`` writes them as CSV or ECSV.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from galviewer.fit import FitSettings
from galviewer.model import Model, template
from galviewer.run.calibration import ERRORS, Calibration, Template, calibrate
from galviewer.run.single import Workbench
from galviewer.survey import Galaxy

ZEROPOINT, GAIN, SKY_SIGMA = 22.5, 50.0, 0.02


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--errors", choices=ERRORS, default="covariance")
    parser.add_argument("--galaxies", type=int, default=1000)
    parser.add_argument("--templates", type=int, default=200, help="different galaxies among them")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--refits", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sky", action="store_true", help="fit a sky level as well")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


def moffat(side: int = 25, fwhm: float = 2.5, beta: float = 3.5) -> np.ndarray:
    """A round PSF stamp with sum 1."""
    axis = np.arange(side) - side // 2
    scale = 0.5 * fwhm / np.sqrt(2.0 ** (1.0 / beta) - 1.0)
    stamp = (1.0 + (axis[:, None] ** 2 + axis**2) / scale**2) ** -beta
    return stamp / stamp.sum()


def templates(count: int, side: int, model: Model, seed: int) -> list[Template]:
    """Galaxies to simulate from: parameters, and the sigma that sky and photons give."""
    rng = np.random.default_rng(seed)
    psf, found = moffat(), []
    for k in range(count):
        values = dict.fromkeys(model.columns, 0.0)
        middle = 0.5 * (side - 1)
        values |= {
            "sersic_x": middle + rng.uniform(-0.5, 0.5),
            "sersic_y": middle + rng.uniform(-0.5, 0.5),
            "sersic_mag": rng.uniform(16.0, 19.0),
            "sersic_r_eff": 2.0 * 3.0 ** rng.random(),
            "sersic_n": rng.uniform(0.7, 4.0),
            "sersic_q": rng.uniform(0.3, 0.9),
            "sersic_pa": rng.uniform(0.0, 180.0),
        }
        parameters = np.array([values[column] for column in model.columns])
        flat = np.full((side, side), SKY_SIGMA)
        flat[0, 0] *= 1.5  # an image of nothing but zeros would be refused
        empty = Galaxy.from_arrays(flat, np.ones((side, side)), psf, name=f"t{k}", zeropoint=ZEROPOINT)
        light = Workbench(empty, model, FitSettings(dtype="float64")).render(parameters).sum(0)
        sigma = np.sqrt(SKY_SIGMA**2 + np.maximum(light, 0.0) / GAIN)
        galaxy = Galaxy.from_arrays(light, sigma, psf, name=f"t{k}", zeropoint=ZEROPOINT)
        found.append(Template(galaxy, model, parameters))
    return found


def show(found: Calibration, seconds: float) -> None:
    """Print the table."""
    print(
        f"{found.simulated} galaxies, {found.failed} failed, errors from {found.errors}; "
        f"{1e3 * seconds / found.simulated:.1f} ms per galaxy\n"
    )
    print("| parameter | galaxies | pull median | pull width | 68 % interval covers | 95 % covers |")
    print("|---|---|---|---|---|---|")
    for r in found.rows:
        print(
            f"| {r.parameter} | {r.galaxies} | {r.pull_median:+.3f} | {r.pull_width:.3f} | "
            f"{100 * r.coverage68:.1f} ± {100 * r.binomial68:.1f} | {100 * r.coverage95:.1f} ± "
            f"{100 * r.binomial95:.1f} |"
        )


def main() -> None:
    """Simulate, fit, compare."""
    options = arguments()
    import torch

    torch.set_num_threads(options.threads)
    model = template("sersic+sky" if options.sky else "sersic")
    drawn = templates(options.templates, options.side, model, options.seed)
    began = time.perf_counter()
    found = calibrate(
        drawn,
        options.galaxies,
        options.errors,
        options.refits,
        options.seed,
        FitSettings(device=options.device),
    )
    show(found, time.perf_counter() - began)
    if options.out:
        found.write(options.out)


if __name__ == "__main__":
    main()
