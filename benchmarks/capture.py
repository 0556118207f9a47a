"""How far from the truth a fit may start and still reach the same minimum.

Usage::

    python benchmarks/capture.py DATA/galsim_single --galaxies 32 --methods lm auto

Starts are the true values, off by 2 in r_eff either way, 1 mag either way, n = 1 or 4, 90 degrees in pa,
3 pixels in x and y: each alone, and all at once with random signs. "far" starts 15 pixels off with r_eff 200
and n 0.3. The same minimum: chi2 at most 0.5 above that of the fit from the truth, and every parameter within
0.3 standard errors of it.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from accuracy import read_truth

from galviewer import survey
from galviewer.fit import FitSettings
from galviewer.model import template
from galviewer.run.single import fit_galaxies

KINDS = (
    "r_eff / 2",
    "r_eff x 2",
    "mag - 1",
    "mag + 1",
    "n = 1",
    "n = 4",
    "pa + 90",
    "x, y +- 3",
    "all",
    "far",
)


def perturbed(truth: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Start values (N, 7) of one kind."""
    starts, count = truth.copy(), len(truth)
    sign = rng.choice([-1.0, 1.0], (4, count))
    everything = kind == "all"
    if kind.startswith("r_eff") or everything:
        starts[:, 3] *= 2.0 ** sign[0] if everything else {"/": 0.5, "x": 2.0}[kind[6]]
    if kind.startswith("mag") or everything:
        starts[:, 2] += sign[1] if everything else {"-": -1.0, "+": 1.0}[kind[4]]
    if kind.startswith("n =") or everything:
        starts[:, 4] = rng.choice([1.0, 4.0], count) if everything else float(kind[-1])
    if kind.startswith("pa") or everything:
        starts[:, 6] = (starts[:, 6] + 90.0) % 180.0
    if kind.startswith("x,") or everything:
        starts[:, :2] += 3.0 * sign[2:].T
    if kind == "far":
        starts[:, :2] += 15.0
        starts[:, 3:5] = (200.0, 0.3)
    return starts


def main() -> None:
    """Print the captured fraction by method and kind of start."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--galaxies", type=int, default=32)
    parser.add_argument("--methods", nargs="*", default=["lm", "auto"])
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = survey.SurveySettings(zeropoint=22.5, psf=str(options.folder / "psf.fits"))
    table = read_truth(options.folder)
    known = [entry for entry in survey.scan(options.folder, settings).entries if entry.name in table]
    galaxies = [survey.read(entry, settings) for entry in known[: options.galaxies]]
    truth, model = np.stack([table[galaxy.name] for galaxy in galaxies]), template("sersic")

    def fitted(starts: np.ndarray, method: str) -> list:
        vectors = [np.append(row, 0.0) for row in starts]
        return fit_galaxies(galaxies, model, FitSettings(method=method, device="cpu"), vectors, images=False)  # pyright: ignore[reportArgumentType]

    reference = fitted(truth, "lm")
    print(f"{len(galaxies)} galaxies\n\n| method | starts | same minimum | median iterations | mean ms |")
    print("|---|---|---|---|---|")
    for method in options.methods:
        for kind in options.kinds:
            starts = perturbed(truth, kind, np.random.default_rng(5))
            began = time.perf_counter()
            fits = fitted(starts, method)
            each = 1e3 * (time.perf_counter() - began) / len(fits)
            rise = np.array([f.chi2 - r.chi2 for f, r in zip(fits, reference, strict=True)])
            offset = np.array(
                [(f.parameters - r.parameters)[:7] for f, r in zip(fits, reference, strict=True)]
            )
            offset[:, 6] = (offset[:, 6] + 90.0) % 180.0 - 90.0
            pulls = np.abs(offset / np.array([r.errors[:7] for r in reference]))
            same = (rise < 0.5) & (np.nan_to_num(pulls, nan=np.inf).max(1) < 0.3)
            print(
                f"| {method} | {kind} | {same.mean():.3f} | {np.median([f.iterations for f in fits]):.0f} | "
                f"{each:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
