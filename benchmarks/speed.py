"""Time galviewer, pyimfit and AstroPhot on the same galaxies from the same start values.

Usage::

    python benchmarks/speed.py DATA/galsim_single --galaxies 32
    python benchmarks/speed.py DATA/galsim_bulge_disk --model bulge+disk --galaxies 16

``DATA/galsim_single`` holds ``NAME_image.fits``, ``NAME_sigma.fits``, ``psf.fits`` and ``init.csv``. The
peers are installed at the first run, each into a virtual environment of its own under ``--peers``. Every
fitter runs in a process kept to ``--threads`` cores; rounds alternate between the fitters, so that a busy
moment of the machine hits all.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "galviewer-benchmarks"
PEERS = {"pyimfit": ("pyimfit>=1.1",), "astrophot": ("astrophot==0.18.*",)}


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", choices=["sersic", "bulge+disk"], default="sersic")
    parser.add_argument("--galaxies", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, help="galaxies per batch for galviewer; by default it chooses")
    parser.add_argument("--only", nargs="*", choices=["galviewer", *PEERS], default=["galviewer", *PEERS])
    parser.add_argument("--peers", type=Path, default=CACHE, help="folder of the peers' environments")
    parser.add_argument("--out", type=Path, help="keep every row as JSON")
    return parser.parse_args()


def peer_python(peer: str, folder: Path) -> Path:
    """Interpreter of the peer's own environment, installing it where it is missing."""
    home = folder / peer
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        print(f"installing {peer} into {home}", file=sys.stderr)
        venv.create(home, with_pip=True, clear=True)
        constraints = HERE.parent / "constraints.txt"
        install = [python, "-m", "pip", "install", "-q", "-c", constraints, "astropy", *PEERS[peer]]
        subprocess.run([str(part) for part in install], check=True)
        (home / "installed").touch()
    return python


def read_starts(folder: Path, model: str, count: int) -> dict[str, dict[str, dict[str, float]]]:
    """Start values per galaxy and component, the same for every fitter, from ``init.csv``.

    Two components start from the single measurement: half the light each, the bulge at half and the disk at
    one and a half of the measured radius.
    """
    with (folder / "init.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[:count]
    starts = {}
    for row in rows:
        one = {
            key: float(row["re" if key == "r_eff" else key])
            for key in ("x", "y", "mag", "r_eff", "n", "q", "pa")
        }
        if model == "sersic":
            starts[row["id"]] = {"sersic": one}
            continue
        half = {**one, "mag": one["mag"] + 0.7526}
        disk = {**half, "r_eff": 1.5 * one["r_eff"]}
        del disk["n"]
        starts[row["id"]] = {"bulge": {**half, "r_eff": 0.5 * one["r_eff"]}, "disk": disk}
    return starts


def run_worker(fitter: str, options: argparse.Namespace, starts: Path) -> dict:
    """One round of one fitter in its own process."""
    if fitter == "galviewer":
        python, script = Path(sys.executable), HERE / "fit_galviewer.py"
    else:
        python, script = peer_python(fitter, options.peers), HERE / f"peer_{fitter}.py"
    command = [str(python), str(script), str(options.folder), str(starts), "--model", options.model]
    command += ["--threads", str(options.threads)]
    command += ["--batch", str(options.batch)] if options.batch else []
    threads = {
        key: str(options.threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    }
    done = subprocess.run(command, env=os.environ | threads, check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{fitter} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def summarise(rounds: list[dict]) -> dict:
    """Per-galaxy medians over rounds; the other figures are the same in every round but for the peak."""
    rows = [
        row | {"seconds": statistics.median(other["rows"][i]["seconds"] for other in rounds)}
        for i, row in enumerate(rounds[-1]["rows"])
    ]
    return rounds[-1] | {"rows": rows, "peak_mb": max(each["peak_mb"] for each in rounds)}


def table(results: dict[str, dict], model: str) -> str:
    """The comparison as a Markdown table; chi2 differences are peer minus galviewer."""
    ours = results.get("galviewer")
    parameters = 7 if model == "sersic" else 11
    lines = [
        "| | mean s/galaxy | median s/galaxy | x galviewer | median chi2_nu | chi2 - ours: median, 5 %, 95 % "
        "| not converged | peak MB |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results.values():
        rows = result["rows"]
        seconds = [row["seconds"] for row in rows]
        ratio, difference = "", ""
        if ours:
            base = statistics.mean(row["seconds"] for row in ours["rows"])
            ratio = f"{statistics.mean(seconds) / base:.1f}"
            deltas = sorted(row["chi2"] - own["chi2"] for row, own in zip(rows, ours["rows"], strict=True))
            ends = deltas[int(0.05 * len(deltas))], deltas[int(0.95 * (len(deltas) - 1))]
            difference = f"{statistics.median(deltas):.2f}, {ends[0]:.2f}, {ends[1]:.2f}"
        chi2_nu = statistics.median(row["chi2"] / (row["pixels"] - parameters) for row in rows)
        failed = sum(not row["converged"] for row in rows)
        lines.append(
            f"| {result['fitter']} {result['version']} | {statistics.mean(seconds):.4f} | "
            f"{statistics.median(seconds):.4f} | {ratio} | {chi2_nu:.4f} | {difference} | {failed} | "
            f"{result['peak_mb']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run the rounds and print the table."""
    options = arguments()
    starts = read_starts(options.folder, options.model, options.galaxies)
    rounds: dict[str, list[dict]] = {fitter: [] for fitter in options.only}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "starts.json"
        path.write_text(json.dumps(starts))
        for _ in range(options.rounds):
            for fitter in options.only:
                rounds[fitter].append(run_worker(fitter, options, path))
    results = {fitter: summarise(each) for fitter, each in rounds.items()}
    print(
        f"{len(starts)} galaxies, {options.model}, {options.threads} core(s), {options.rounds} rounds, "
        f"galviewer in batches of {options.batch or 'its own choice'}\n"
    )
    print(table(results, options.model))
    if options.out:
        options.out.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
