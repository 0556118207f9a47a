"""How far from the truth a fit may start and still reach the same minimum: galviewer, pyimfit, AstroPhot.

Usage::

    python benchmarks/capture.py DATA/galsim_single --galaxies 32 --methods lm auto pyimfit astrophot
    python benchmarks/capture.py DATA/galsim_bulge_disk --model bulge+disk --galaxies 32

Starts of a Sersic are the true values, off by 2 in r_eff either way, 1 mag either way, n = 1 or 4, 90 degrees
in pa, 3 pixels in x and y: each alone, and "all" at once with random signs. "far" starts 15 pixels off with
r_eff 200 and n 0.3. Of a bulge and a disk "all" has both r_eff off by 2 and both magnitudes by 0.5 either
way, n = 1 or 4. "measured" starts from ``init.csv``, "guessed" from what galviewer measures itself.

The same minimum: that of the same fitter's fit from the truth. Chi2 is at most 0.5 above, and every parameter
within 0.3 of galviewer's standard error; pa modulo 180 degrees, and not of what is round (q above 0.97, or an
error of pa above 30 degrees). A parameter that galviewer holds at a bound must agree to 0.01.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from fit_galviewer import parts, start_vector
from speed import CACHE, PEERS, read_starts, run_worker

from galviewer import survey
from galviewer.fit import FitSettings
from galviewer.fit.settings import METHODS
from galviewer.model import Model, template
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy

SINGLE = (
    "r_eff / 2", "r_eff x 2", "mag - 1", "mag + 1", "n = 1", "n = 4", "pa + 90", "x, y +- 3", "all", "far",
)  # fmt: skip
PAIR = ("measured", "guessed", "all")
_ROUND, _LOOSE = 0.97, 30.0


@dataclass(frozen=True)
class Outcome:
    """Fits of N galaxies: parameters and standard errors (N, P), chi2 (N,), seconds per galaxy.

    A peer's errors are not asked for and are nan.
    """

    values: np.ndarray
    errors: np.ndarray
    chi2: np.ndarray
    seconds: float


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=["sersic", "bulge+disk"], default="sersic")
    parser.add_argument("--galaxies", type=int, default=32)
    parser.add_argument("--methods", nargs="*", choices=[*METHODS, *PEERS], default=["lm", "auto"])
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peers", type=Path, default=CACHE, help="folder of the peers' environments")
    parser.set_defaults(batch=None)
    options = parser.parse_args()
    options.kinds = options.kinds or (SINGLE if options.model == "sersic" else PAIR)
    return options


def read_truth(folder: Path, model: Model, count: int) -> dict[str, np.ndarray]:
    """True parameters (P,) of the first galaxies by name."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:count]
    known = {}
    for row in rows:
        start = {}
        for component in model.components:
            end = {"bulge": "_b", "disk": "_d"}.get(component.name, "")
            names = {name: name + end for name in ("mag", "n", "q", "pa")} | {"r_eff": f"re{end}"}
            own = {name: float(row[column]) for name, column in names.items()}
            start[component.name] = own | {"x": float(row["x"]), "y": float(row["y"])}
        known[row["id"]] = start_vector(model, start)
    return known


def perturbed(truth: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Start values (N, P) of one kind for a Sersic."""
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


def perturbed_pair(truth: np.ndarray, model: Model, rng: np.random.Generator) -> np.ndarray:
    """Start values (N, P) of a bulge and a disk, sizes, magnitudes and n all off."""
    starts, count = truth.copy(), len(truth)
    for component in ("bulge", "disk"):
        starts[:, model.index(f"{component}_r_eff")] *= 2.0 ** rng.choice([-1.0, 1.0], count)
        starts[:, model.index(f"{component}_mag")] += rng.choice([-0.5, 0.5], count)
    starts[:, model.index("bulge_n")] = rng.choice([1.0, 4.0], count)
    return starts


def starts_of(kind: str, truth: dict[str, np.ndarray], options: argparse.Namespace) -> list:
    """Start values (P,) of every galaxy; None where galviewer measures them."""
    model, values, rng = template(options.model), np.stack([*truth.values()]), np.random.default_rng(5)
    if kind == "guessed":
        return [None] * len(truth)
    if kind == "measured":
        table = read_starts(options.folder, options.model, len(truth))
        return [start_vector(model, table[name]) for name in truth]
    if options.model == "sersic":
        return list(perturbed(values, kind, rng))
    return list(perturbed_pair(values, model, rng))


def fit(galaxies: list[Galaxy], starts: list, method: str, options: argparse.Namespace) -> Outcome:
    """Fits by galviewer's method or by a peer."""
    model = template(options.model)
    if method in PEERS:
        table = {g.name: parts(model, start) for g, start in zip(galaxies, starts, strict=True)}
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "starts.json"
            path.write_text(json.dumps(table))
            rows = run_worker(method, options, path)["rows"]
        filled = [{c: row["parts"].get(c, {}) for c in ("sersic", "bulge", "disk")} for row in rows]
        values = np.stack([start_vector(model, each) for each in filled])
        seconds = float(np.mean([row["seconds"] for row in rows]))
        return Outcome(values, np.full_like(values, np.nan), np.array([row["chi2"] for row in rows]), seconds)
    began = time.perf_counter()
    settings = FitSettings(method=method, device="cpu")  # pyright: ignore[reportArgumentType]
    fits = fit_galaxies(galaxies, model, settings, starts, images=False)
    seconds = (time.perf_counter() - began) / len(fits)
    values, errors = np.stack([f.parameters for f in fits]), np.stack([f.errors for f in fits])
    return Outcome(values, errors, np.array([f.chi2 for f in fits]), seconds)


def agree(found: np.ndarray, wanted: np.ndarray, errors: np.ndarray, model: Model) -> np.ndarray:
    """Whether all free parameters (N, P) agree, in units of the errors; (N,)."""
    same = np.ones(len(found), dtype=bool)
    for index in model.free:
        name, offset, error = model.columns[index], found[:, index] - wanted[:, index], errors[:, index]
        exempt = np.zeros(len(found), dtype=bool)
        if name.endswith("_pa"):
            offset = (offset + 90.0) % 180.0 - 90.0
            exempt = (wanted[:, model.index(name[:-2] + "q")] > _ROUND) | ~(error < _LOOSE)
        allowed = np.where(error > 0, 0.3 * error, 0.01)
        same &= (np.abs(offset) < allowed) | exempt
    return same


def main() -> None:
    """Print the captured fraction by method and kind of start."""
    options = arguments()
    torch.set_num_threads(options.threads)
    settings = survey.SurveySettings(zeropoint=22.5, psf=str(options.folder / "psf.fits"))
    model = template(options.model)
    truth = read_truth(options.folder, model, options.galaxies)
    entries = {entry.name: entry for entry in survey.scan(options.folder, settings).entries}
    galaxies = [survey.read(entries[name], settings) for name in truth]
    ours = fit(galaxies, [*truth.values()], "lm", options)
    print(f"{len(galaxies)} galaxies, {options.model}\n")
    print("| method | starts | same minimum | chi2 lower by 0.5 | chi2 higher by 0.5 | mean ms |")
    print("|---|---|---|---|---|---|", flush=True)
    for method in options.methods:
        peer = method in PEERS
        reference = fit(galaxies, [*truth.values()], method, options) if peer else ours
        for kind in options.kinds:
            if peer and kind == "guessed":
                continue
            found = fit(galaxies, starts_of(kind, truth, options), method, options)
            rise = np.nan_to_num(found.chi2 - reference.chi2, nan=np.inf)
            same = (rise < 0.5) & agree(found.values, reference.values, ours.errors, model)
            counts = f"{same.mean():.3f} | {(rise < -0.5).mean():.3f} | {(rise >= 0.5).mean():.3f}"
            print(f"| {method} | {kind} | {counts} | {1e3 * found.seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
