"""Fit with galviewer in batches; started by speed.py like the peers' workers."""

from __future__ import annotations

import json
import time
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import torch
from worker import ZEROPOINT, Answer, Parts, arguments, describe, keep_to, read_stamps, report

from galviewer import flags
from galviewer.fit import FitSettings
from galviewer.model import Model, template
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy


def start_vector(model: Model, start: Parts) -> np.ndarray:
    """Start values in the order of the model's columns; what the table does not know keeps its default."""
    values = []
    for column, parameter in zip(model.columns, model.parameters, strict=True):
        component, _, name = column.partition("_")
        values.append(start[component].get(name, parameter.start if parameter.start is not None else 0.0))
    return np.array(values)


def parts(model: Model, parameters: np.ndarray) -> Parts:
    """Fitted values per component."""
    answer: Parts = {}
    for column, value in zip(model.columns, parameters, strict=True):
        component, _, name = column.partition("_")
        answer.setdefault(component, {})[name] = float(value)
    return answer


def installed_version() -> str:
    """Version of the installed package; a checkout on the path has none."""
    try:
        return version("galviewer")
    except PackageNotFoundError:
        return "checkout"


def main() -> None:
    """Fit all stamps in one call; a galaxy's time is the call's wall time over the number of galaxies."""
    options = arguments()
    keep_to(options.threads)
    torch.set_num_threads(options.threads)
    starts = json.loads(options.starts.read_text())
    stamps = read_stamps(options.folder, list(starts))
    model, settings = template(options.model), FitSettings(device="cpu", batch_size=options.batch)
    galaxies = [Galaxy.from_arrays(s.image, s.sigma, s.psf, name=s.name, zeropoint=ZEROPOINT) for s in stamps]
    vectors = [start_vector(model, starts[s.name]) for s in stamps]
    fit_galaxies(galaxies[:2], model, settings, starts=vectors[:2])
    begin = time.perf_counter()
    fits = fit_galaxies(galaxies, model, settings, starts=vectors)
    seconds = (time.perf_counter() - begin) / len(fits)
    rows = []
    for stamp, fit in zip(stamps, fits, strict=True):
        converged = not fit.flags & (flags.FAILURES | flags.Flag.NOT_CONVERGED)
        answer = Answer(parts(model, fit.parameters), np.asarray(fit.model_image, float), converged)
        rows.append(describe(stamp, answer, seconds) | {"iterations": fit.iterations})
    report("galviewer", installed_version(), rows)


if __name__ == "__main__":
    main()
