"""Fit with galviewer in batches; started by speed.py like the peers' workers."""

from __future__ import annotations

import json
import time

import numpy as np
import torch
from galviewer.run.single import fit_galaxies
from worker import ZEROPOINT, Answer, Parts, arguments, describe, keep_to, read_stamps, report

import galviewer
from galviewer import flags
from galviewer.fit import FitSettings
from galviewer.model import Model, template
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


def main() -> None:
    """Fit all stamps batch by batch; a galaxy's time is its batch's time over the batch's size."""
    options = arguments()
    keep_to(options.threads)
    torch.set_num_threads(options.threads)
    starts = json.loads(options.starts.read_text())
    stamps = read_stamps(options.folder, list(starts))
    model, settings = template(options.model), FitSettings(device="cpu")
    galaxies = [Galaxy.from_arrays(s.image, s.sigma, s.psf, name=s.name, zeropoint=ZEROPOINT) for s in stamps]
    vectors = np.stack([start_vector(model, starts[s.name]) for s in stamps])
    fit_galaxies(galaxies[:1], model, settings, starts=vectors[:1])
    rows = []
    for first in range(0, len(stamps), options.batch):
        chunk = slice(first, first + options.batch)
        begin = time.perf_counter()
        fits = fit_galaxies(galaxies[chunk], model, settings, starts=vectors[chunk])
        seconds = (time.perf_counter() - begin) / len(fits)
        for stamp, fit in zip(stamps[chunk], fits, strict=True):
            converged = not fit.flags & (flags.FAILURES | flags.Flag.NOT_CONVERGED)
            answer = Answer(parts(model, fit.parameters), np.asarray(fit.model_image, float), converged)
            rows.append(describe(stamp, answer, seconds))
    report("galviewer", galviewer.__version__, rows)


if __name__ == "__main__":
    main()
