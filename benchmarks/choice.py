"""How often the model is chosen right, and what choosing costs.

``python benchmarks/choice.py --galaxies 25``: so many of each kind, drawn with noise; a confusion table of
those that are clear (the true model's BIC would be lower by 20 than that of any simpler one, for the mean of
the noise), and the time of a choice over that of a single Sersic fit.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "recovery"))


def main() -> None:
    """Measure and print."""
    import mixtures
    import torch

    from galviewer.run.single import fit_galaxies

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--galaxies", type=int, default=25)
    parser.add_argument("--ladder", default="auto")
    parser.add_argument("--seed", type=int, default=5000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    right = clear = 0
    for kind in mixtures.KINDS:
        simulated = [mixtures.simulate(kind, arguments.seed + k) for k in range(arguments.galaxies)]
        galaxies = [galaxy for galaxy, _, _ in simulated]
        fit_galaxies(galaxies[:2], "sersic")  # tables and caches
        began = time.perf_counter()
        fit_galaxies(galaxies, "sersic")
        middle = time.perf_counter()
        fits = fit_galaxies(galaxies, arguments.ladder)
        one, all_of_them = middle - began, time.perf_counter() - middle
        is_clear = [mixtures.clearness(kind, clean, values) > 20.0 for _, clean, values in simulated]
        table = Counter(fit.model.name for fit, good in zip(fits, is_clear, strict=True) if good)
        right, clear = right + table[kind], clear + sum(is_clear)
        print(
            f"{kind:15s} clear {sum(is_clear):3d} of {len(fits)}: {dict(table)}; single "
            f"{1e3 * one / len(fits):.1f} ms, choice {1e3 * all_of_them / len(fits):.1f} ms per galaxy"
        )
    print(f"{right} of {clear} clear cases right ({100 * right / clear:.1f} %)")


if __name__ == "__main__":
    main()
