"""Measure how true the images are, and how true the fits.

Usage::

    python benchmarks/accuracy.py render --galaxies 256
    python benchmarks/accuracy.py fit DATA/galsim_single --galaxies 128

``render`` draws galaxies with GalSim without noise and compares galviewer's image at the same parameters:
sum(((model - truth) / sigma)^2) over a stamp, by Sersic index and radius. ``fit`` fits simulated stamps from
measured starts and compares with ``truth.csv`` (columns id, x, y, mag, re, n, q, pa).
"""

from __future__ import annotations

import argparse
import csv
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import galsim
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sample_data"))
import make_sample_data as drawing  # noqa: E402

N_EDGES = (0.5, 1.0, 2.0, 4.0, 6.0)
R_EDGES = (2.0, 5.0, 20.0)
SIDE = 128
COLUMNS = ("x", "y", "mag", "r_eff", "n", "q", "pa")


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    tasks = parser.add_subparsers(dest="task", required=True)
    render = tasks.add_parser("render")
    fit = tasks.add_parser("fit")
    fit.add_argument("folder", type=Path)
    fit.add_argument("--fresh", type=int, default=0, help="times the noiseless galaxies get new noise")
    for task in (render, fit):
        task.add_argument("--galaxies", type=int, default=128)
        task.add_argument("--dtype", default="float32", choices=["float32", "float64"])
        task.add_argument("--threads", type=int, default=1)
        task.add_argument("--device", default="cpu")
    return parser.parse_args()


def simulate(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Parameters (N, 7), noiseless images and sigmas (N, H, W), and the effective PSF that all share."""
    rng = np.random.default_rng(7)
    psf = galsim.Moffat(beta=3.5, fwhm=1.2, gsparams=drawing.ACCURATE).shear(g1=0.02, g2=-0.03)
    half = drawing.PSF_SIDE // 2
    star = drawing.draw(
        galsim.DeltaFunction(gsparams=drawing.ACCURATE), psf, (2 * half + 1, 2 * half + 1), half, half
    )
    parameters, images = np.empty((count, 7)), np.empty((count, SIDE, SIDE))
    for i in range(count):
        centre = 0.5 * (SIDE - 1) + rng.uniform(-1.0, 1.0, 2)
        low, high = N_EDGES[i % 4], N_EDGES[i % 4 + 1]
        radius = R_EDGES[0] * (R_EDGES[-1] / R_EDGES[0]) ** rng.random()
        parameters[i] = (*centre, rng.uniform(14.5, 18), radius, rng.uniform(low, high), rng.uniform(0.2, 1),
                         rng.uniform(0, 180))  # fmt: skip
        x, y, mag, r_eff, n, q, pa = parameters[i]
        part = drawing.Part("sersic", 1.0, r_eff, n, q, pa)
        flux = 10 ** (-0.4 * (mag - drawing.ZEROPOINT))
        images[i] = drawing.draw(drawing.draw_object(part, flux), psf, (SIDE, SIDE), x, y)
    sigmas = np.sqrt(drawing.SKY_SIGMA**2 + np.maximum(images, 0) / drawing.GAIN)
    return parameters, images, sigmas, star / star.sum()


def check_render(options: argparse.Namespace) -> None:
    """Print the table of image errors."""
    import torch

    from galviewer.model import template
    from galviewer.render import Renderer

    truth, images, sigmas, psf = simulate(options.galaxies)
    model, dtype = template("sersic"), getattr(torch, options.dtype)
    values = np.zeros((len(truth), len(model.columns)))
    for k, name in enumerate(COLUMNS):
        values[:, model.index(f"sersic_{name}")] = truth[:, k]
    zeropoint = torch.tensor([drawing.ZEROPOINT])
    renderer = Renderer(model, (SIDE, SIDE), torch.as_tensor(psf), zeropoint=zeropoint,
                        dtype=dtype, device=options.device)  # fmt: skip
    drawn = np.concatenate(
        [renderer.image(torch.as_tensor(chunk, device=options.device)).cpu().numpy()
         for chunk in np.array_split(values, max(1, len(values) // 16))]
    )  # fmt: skip
    errors = np.sum(((drawn - images) / sigmas) ** 2, axis=(1, 2))
    print(
        f"sum(((model - truth)/sigma)^2), {len(truth)} galaxies of {SIDE} x {SIDE}, {options.dtype}: "
        "median (worst) [galaxies]\n"
    )
    print("| |" + "".join(f" n {a:g}-{b:g} |" for a, b in pairwise(N_EDGES)))
    print("|---|" + "---|" * (len(N_EDGES) - 1))
    for small, large in pairwise(R_EDGES):
        cells = []
        for low, high in pairwise(N_EDGES):
            chosen = errors[
                (truth[:, 4] >= low) & (truth[:, 4] < high) & (truth[:, 3] >= small) & (truth[:, 3] < large)
            ]
            cells.append(
                f" {np.median(chosen):.3f} ({chosen.max():.2f}) [{len(chosen)}] |" if len(chosen) else " |"
            )
        print(f"| r_eff {small:g}-{large:g} px |" + "".join(cells))


def read_truth(folder: Path) -> dict[str, np.ndarray]:
    """True parameters by galaxy, in the order of COLUMNS."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return {
        row["id"]: np.array([float(row["re" if key == "r_eff" else key]) for key in COLUMNS]) for row in rows
    }


def values(fits: list, key: str) -> np.ndarray:
    """One attribute of many fits, (N, 7), in the order of COLUMNS."""
    return np.stack(
        [getattr(fit, key)[[fit.model.index(f"sersic_{name}") for name in COLUMNS]] for fit in fits]
    )


def off(fits: list, true: np.ndarray) -> np.ndarray:
    """Fitted minus true, with angles taken the short way round."""
    difference = values(fits, "parameters") - true
    difference[:, 6] = (difference[:, 6] + 90) % 180 - 90
    return difference


def without_noise(galaxies: list, folder: Path) -> list:
    """The same galaxies with noiseless pixels, as many as ``noiseless.fits`` holds."""
    from astropy.io import fits as files

    if not (folder / "noiseless.fits").is_file():
        return []
    planes = np.asarray(files.getdata(folder / "noiseless.fits"), dtype=float)
    return [with_pixels(galaxy, plane) for plane, galaxy in zip(planes, galaxies, strict=False)]


def with_pixels(galaxy: Any, image: np.ndarray) -> Any:
    """The galaxy with another image."""
    from galviewer.survey import Galaxy

    return Galaxy.from_arrays(image, galaxy.sigma, galaxy.psf, name=galaxy.name, zeropoint=galaxy.zeropoint)


def check_fresh(clean: list, truth: dict[str, np.ndarray], settings: Any, times: int) -> None:
    """Print the pulls of the noiseless galaxies after adding noise of their sigma `times` times."""
    from galviewer.run.single import fit_galaxies

    rng, pulls = np.random.default_rng(11), []
    for _ in range(times):
        noisy = [with_pixels(g, g.image + g.sigma * rng.standard_normal(g.image.shape)) for g in clean]
        fits = fit_galaxies(noisy, "sersic", settings)
        pulls.append(off(fits, np.stack([truth[fit.name] for fit in fits])) / values(fits, "errors"))
    all_pulls = np.concatenate(pulls)
    low, middle, high = np.nanpercentile(all_pulls, [15.865, 50, 84.135], axis=0)
    print(
        f"\n{len(all_pulls)} fits with new noise: pull median, width (standard error of the median "
        f"{1.2533 / np.sqrt(len(all_pulls)):.3f})"
    )
    for k, name in enumerate(COLUMNS):
        print(f"| {name} | {middle[k]:+.3f} | {(high[k] - low[k]) / 2:.3f} |")


def check_fit(options: argparse.Namespace) -> None:
    """Print failures, outliers, biases and pulls, the latter also on noiseless pixels."""
    from galviewer import flags, survey
    from galviewer.fit import FitSettings
    from galviewer.run.single import fit_galaxies

    truth = read_truth(options.folder)
    settings = survey.SurveySettings(zeropoint=22.5, psf=str(options.folder / "psf.fits"))
    known = [entry for entry in survey.scan(options.folder, settings).entries if entry.name in truth]
    galaxies = [survey.read(entry, settings) for entry in known[: options.galaxies]]
    fit_settings = FitSettings(dtype=options.dtype, device=options.device)
    fits = fit_galaxies(galaxies, "sersic", fit_settings)
    noiseless = without_noise(galaxies, options.folder)
    clean = fit_galaxies(noiseless, "sersic", fit_settings)
    true = np.stack([truth[fit.name] for fit in fits])
    difference = off(fits, true)
    pulls = difference / values(fits, "errors")
    bias = off(clean, true[: len(clean)]) / values(clean, "errors") if clean else np.full((1, 7), np.nan)
    bad = flags.FAILURES | flags.Flag.NOT_CONVERGED
    ratio = values(fits, "parameters") / true
    outlier = (np.abs(np.log10(ratio[:, 3])) > 0.2) | (np.abs(ratio[:, 4] - 1) > 0.3)
    print(
        f"{len(fits)} galaxies, {options.dtype}: {sum(bool(fit.flags & bad) for fit in fits)} failed, "
        f"{outlier.sum()} outliers; median chi2_nu {np.median([fit.chi2_nu for fit in fits]):.4f}; "
        f"{np.mean([fit.iterations for fit in fits]):.1f} iterations and "
        f"{1e3 * np.mean([fit.seconds for fit in fits]):.1f} ms per galaxy\n"
    )
    print(
        f"| | pull median | width (68 %) | median error | without noise ({len(clean)}): median pull, worst |"
    )
    print("|---|---|---|---|---|")
    for k, name in enumerate(COLUMNS):
        low, middle, high = np.nanpercentile(pulls[:, k], [15.865, 50, 84.135])
        print(
            f"| {name} | {middle:+.3f} | {(high - low) / 2:.3f} | {np.nanmedian(difference[:, k]):+.5f} | "
            f"{np.median(bias[:, k]):+.3f}, {np.abs(bias[:, k]).max():.3f} |"
        )
    print(f"\nstandard error of a pull's median: {1.2533 / np.sqrt(len(fits)):.3f}")
    if options.fresh and noiseless:
        check_fresh(noiseless, truth, fit_settings, options.fresh)
    for fit, wrong in zip(fits, outlier, strict=True):
        if wrong or fit.flags & bad:
            print(
                f"{fit.name}: {flags.names(fit.flags)}; {values([fit], 'parameters')}, true {truth[fit.name]}"
            )


def main() -> None:
    """Run the chosen check."""
    options = arguments()
    import torch

    torch.set_num_threads(options.threads)
    (check_render if options.task == "render" else check_fit)(options)


if __name__ == "__main__":
    main()
