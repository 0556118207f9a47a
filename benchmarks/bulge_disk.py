"""Bulge and disk against the truth: light fractions, sizes, pulls, from galviewer's own start values.

    python benchmarks/bulge_disk.py DATA/galsim_bulge_disk [--fresh 8]

The folder holds images, ``psf.fits``, ``truth.csv`` and ``noiseless.fits``; `--fresh` adds new noise of each
galaxy's sigma to the noiseless images so many times.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

COLUMNS = {
    "bulge_x": "x", "bulge_y": "y", "bulge_mag": "mag_b", "bulge_r_eff": "re_b", "bulge_n": "n_b",
    "bulge_q": "q_b", "bulge_pa": "pa_b", "disk_mag": "mag_d", "disk_r_eff": "re_d", "disk_q": "q_d",
    "disk_pa": "pa_d",
}  # fmt: skip
"""Catalogue column and its name in truth.csv."""


def main() -> None:
    """Fit, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--fresh", type=int, default=0, metavar="K")
    options = parser.parse_args()
    from galviewer import survey
    from galviewer.survey import Galaxy

    with (options.folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        truth = {row["id"]: row for row in csv.DictReader(stream)}
    settings = survey.SurveySettings(zeropoint=22.5, psf=str(options.folder / "psf.fits"))
    known = [entry for entry in survey.scan(options.folder, settings).entries if entry.name in truth]
    galaxies = [survey.read(entry, settings) for entry in known]
    report("as they are", galaxies, truth)
    if options.fresh:
        from astropy.io import fits as files

        clean = np.asarray(files.getdata(options.folder / "noiseless.fits"), dtype=float)
        rng = np.random.default_rng(11)
        noisy = [
            Galaxy.from_arrays(
                plane + g.sigma * rng.standard_normal(g.shape), g.sigma, g.psf, name=g.name, zeropoint=22.5
            )
            for _ in range(options.fresh)
            for plane, g in zip(clean, galaxies, strict=True)
        ]
        report(f"new noise, {options.fresh} times", noisy, truth)


def report(title: str, galaxies: list, truth: dict[str, dict[str, str]]) -> None:
    """Print what the fits of these galaxies are worth."""
    from galviewer import flags
    from galviewer.products import catalogue
    from galviewer.run.single import fit_galaxies

    fits = fit_galaxies(galaxies, "bulge+disk")
    rows = [catalogue.row(fit) for fit in fits]
    bt = np.array([row["bt"] - float(truth[fit.name]["bt"]) for fit, row in zip(fits, rows, strict=True)])
    bt_error = np.array([row["bt_err"] for row in rows])
    bad = sum(bool(fit.flags & (flags.FAILURES | flags.Flag.NOT_CONVERGED)) for fit in fits)
    true = {c: np.array([float(truth[fit.name][key]) for fit in fits]) for c, key in COLUMNS.items()}
    found = {c: np.array([fit.value(c) for fit in fits]) for c in COLUMNS}
    errors = {c: np.array([fit.error(c) for fit in fits]) for c in COLUMNS}
    outlier = np.abs(np.log10(found["bulge_r_eff"] / true["bulge_r_eff"])) > 0.2
    outlier |= np.abs(np.log10(found["disk_r_eff"] / true["disk_r_eff"])) > 0.2
    print(
        f"\n{title}: {len(fits)} galaxies, {bad} failed, {outlier.sum()} outliers "
        "(r_eff of bulge or disk off by 0.2 dex)"
    )
    print(f"B/T - truth: median {np.median(bt):+.4f}, mean {bt.mean():+.4f}, half-width {half_width(bt):.4f}")
    print(f"B/T pull: median {np.nanmedian(bt / bt_error):+.2f}, width {half_width(bt / bt_error):.2f}")
    print(f"bulge n / truth - 1: median {np.median(found['bulge_n'] / true['bulge_n'] - 1):+.3f}")
    spread = (1.2533 / len(fits) ** 0.5, 0.93 / len(fits) ** 0.5)
    print("standard error of a pull's median {:.2f}, of its width {:.2f}".format(*spread))
    print("\n| | pull median | width | with an error |\n|---|---|---|---|")
    for column in COLUMNS:
        difference = found[column] - true[column]
        if column.endswith("_pa"):
            difference = (difference + 90) % 180 - 90
        pull = difference / errors[column]
        pull = pull[np.isfinite(pull)]
        print(f"| {column} | {np.median(pull):+.2f} | {half_width(pull):.2f} | {len(pull)} |")


def half_width(values: np.ndarray) -> float:
    """Half the width of the central 68 %."""
    low, high = np.nanpercentile(values, [15.865, 84.135])
    return float(high - low) / 2


if __name__ == "__main__":
    main()
