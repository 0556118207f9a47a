"""Whether errors hold: galaxies simulated from fitted parameters, fitted again, compared with their truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from galviewer import flags, survey
from galviewer.errors import RunError, SettingsError
from galviewer.products import GalaxyFit, tables
from galviewer.run import uncertainties
from galviewer.run.single import fit_galaxies
from galviewer.run.view import RunView, is_run

if TYPE_CHECKING:
    from astropy.table import Table

    from galviewer.fit import FitSettings
    from galviewer.model import Model

ERRORS = ("covariance", "bootstrap")
_CHUNK = 64
_NORMAL_95 = 1.959964
_UNUSABLE = flags.FAILURES | flags.Flag.NOT_CONVERGED


class Template(NamedTuple):
    """What galaxies are simulated from.

    Parameters
    ----------
    galaxy : Galaxy
        Its shape, sigma, mask and PSF; the pixels are replaced.
    model : Model
        What is drawn.
    parameters : ndarray, (P,)
        The truth.
    """

    galaxy: survey.Galaxy
    model: Model
    parameters: np.ndarray


class Row(NamedTuple):
    """How well one parameter's errors hold.

    Parameters
    ----------
    parameter, unit : str
        Column of the catalogue.
    galaxies : int
        Fits with an error.
    bias, error : float
        Median of fitted minus true, and median error, in the parameter's unit.
    pull_median, pull_width : float
        Median and half the central 68 % of (fitted - true) / error; 0 and 1 when all is right.
    coverage68, coverage95 : float
        Fraction of galaxies whose 68.27 % and 95 % intervals hold the truth.
    binomial68, binomial95 : float
        One standard deviation by which those fractions scatter in so many galaxies.
    """

    parameter: str
    unit: str
    galaxies: int
    bias: float
    error: float
    pull_median: float
    pull_width: float
    coverage68: float
    binomial68: float
    coverage95: float
    binomial95: float


@dataclass(frozen=True, eq=False)
class Calibration:
    """A calibration's result.

    Parameters
    ----------
    rows : tuple of Row
        One per free parameter.
    errors : str
        "covariance" or "bootstrap".
    simulated, failed : int
        Galaxies, and those of them whose fit failed or did not converge: they are left out.
    seed : int
        Of the noise.
    """

    rows: tuple[Row, ...]
    errors: str
    simulated: int
    failed: int
    seed: int

    def row(self, parameter: str) -> Row:
        """The row of one parameter.

        Raises
        ------
        SettingsError
            If there is none.
        """
        for found in self.rows:
            if found.parameter == parameter:
                return found
        raise SettingsError(
            parameter, "was not calibrated", "one of " + ", ".join(r.parameter for r in self.rows)
        )

    def table(self) -> Table:
        """As an astropy Table."""
        from astropy.table import Table

        table = Table(rows=list(self.rows), names=Row._fields)
        table.meta = {
            "errors": self.errors, "simulated": self.simulated, "failed": self.failed, "seed": self.seed
        }  # fmt: skip
        return table

    def write(self, path: str | Path) -> Path:
        """Write as CSV or, with what was done, as ECSV.

        Raises
        ------
        SettingsError
            If the suffix is neither.
        RunError
            If the file cannot be written.
        """
        path = Path(path)
        kinds = {".csv": "ascii.csv", ".ecsv": "ascii.ecsv"}
        if path.suffix not in kinds:
            raise SettingsError(str(path), "has no known suffix", ".csv or .ecsv")
        try:
            self.table().write(path, format=kinds[path.suffix], overwrite=True)
        except OSError as error:
            raise RunError(str(path), f"cannot be written ({error})", "a place to write to") from error
        return path


def calibrate(
    templates: Sequence[Template],
    galaxies: int = 1000,
    errors: str = "covariance",
    refits: int = 100,
    seed: int = 0,
    settings: FitSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Simulate galaxies, fit them from start values measured on their pixels, compare with the truth.

    Parameters
    ----------
    templates : sequence of Template
        Taken in turn, each with new noise every time.
    galaxies : int
        How many are simulated.
    errors : {"covariance", "bootstrap"}
        Whose errors are put to the test: the covariance's, or the scatter of a bootstrap over pixels.
    refits : int
        Of each bootstrap.
    seed : int
        Of noise and bootstrap.
    settings : FitSettings, optional
        How to fit.
    progress : callable, optional
        Called with galaxies done and all.

    Returns
    -------
    Calibration
        Intervals are value ± error (68.27 %) and ± 1.96 errors (95 %), as a reader of the catalogue forms
        them. Noise is Gaussian with the templates' sigma, images are drawn in double precision.

    Raises
    ------
    SettingsError
        If there is no template, or the kind of error is unknown.
    """
    from galviewer.fit import FitSettings

    if not templates or galaxies < 2:
        raise SettingsError(
            "calibrate", f"{len(templates)} galaxies to draw {galaxies} from", "at least one, two"
        )
    if errors not in ERRORS:
        raise SettingsError("errors", f"is {errors!r}", " or ".join(ERRORS))
    settings = settings or FitSettings()
    found: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    done = failed = 0
    for truths, fits in _fitted(templates, galaxies, seed, settings):
        for truth, fit in zip(truths, fits, strict=True):
            done += 1
            if fit.flags & int(_UNUSABLE):
                failed += 1
                continue
            if errors == "bootstrap":
                fit = uncertainties.with_bootstrap(fit, refits, seed + done, settings=settings)
            for column, unit, offset, error in _offsets(fit, truth):
                found[column, unit].append((offset, error))
        if progress:
            progress(done, galaxies)
    rows = tuple(_row(*key, np.array(pairs)) for key, pairs in found.items() if len(pairs) > 1)
    return Calibration(rows, errors, done, failed, seed)


def templates_of(fits: Sequence[GalaxyFit]) -> list[Template]:
    """Templates from usable fits."""
    return [Template(fit.galaxy, fit.model, fit.parameters) for fit in fits if fit.usable]


def read_templates(
    source: str | Path,
    limit: int,
    folder: str | Path | None = None,
    fitted_model: Model | None = None,
    survey_settings: survey.SurveySettings | None = None,
) -> list[Template]:
    """Templates from a run directory, or from a catalogue and the folder that it describes.

    Parameters
    ----------
    source : path
        Run directory, or catalogue file as ``galviewer export`` writes it.
    limit : int
        Most templates read.
    folder : path, optional
        Where the galaxies lie: needed for a catalogue, and for a run without blocks whose galaxies moved.
    fitted_model : Model, optional
        What a catalogue's fits were made with; needed for a catalogue.
    survey_settings : SurveySettings, optional
        How the folder is read; a run knows.

    Raises
    ------
    RunError
        If no usable fit is there.
    SettingsError
        If a catalogue comes without folder and model.
    """
    if is_run(source):
        view = RunView(source)
        names = [name for name, row in view.rows("flags").items() if _good(row["flags"])][:limit]
        fits = (view.fitted(name) for name in names)
        found = templates_of([fit for fit in fits if fit is not None])
        if found or not names:
            return _some(found, source)
        rows = view.rows()
        known = {name: np.array([rows[name][c] for c in view.model.columns], dtype=float) for name in names}
        return _some(_read(known, view.model, folder or view.folder, view.settings.survey), source)
    if folder is None or fitted_model is None:
        raise SettingsError(
            str(source), "is no run directory", "a run, or a catalogue with its folder and model",
            "give --folder and --model",
        )  # fmt: skip
    table = tables.read(source)
    missing = [c for c in ("name", "flags", *fitted_model.columns) if c not in table.colnames]
    if missing:
        raise SettingsError(str(source), f"lacks {', '.join(missing)}", "a catalogue of this model")
    known = {
        str(row["name"]): np.array([row[c] for c in fitted_model.columns], dtype=float)
        for row in table
        if _good(int(row["flags"]))
    }
    known = dict(list(known.items())[:limit])
    return _some(_read(known, fitted_model, folder, survey_settings or survey.SurveySettings()), source)


def _good(bits: int) -> bool:
    return not int(bits) & int(_UNUSABLE)


def _some(found: list[Template], source: str | Path) -> list[Template]:
    if not found:
        raise RunError(str(source), "holds no usable fit to simulate from", "a run with fits")
    return found


def _read(
    known: dict[str, np.ndarray], fitted: Model, folder: str | Path, settings: survey.SurveySettings
) -> list[Template]:
    """The galaxies of a folder that have parameters."""
    entries = survey.scan(str(folder), settings).entries
    return [Template(survey.read(e, settings), fitted, known[e.name]) for e in entries if e.name in known]


def _fitted(
    templates: Sequence[Template], galaxies: int, seed: int, settings: FitSettings
) -> Iterator[tuple[list[np.ndarray], list[GalaxyFit]]]:
    """True parameters and fits of simulated galaxies, in chunks of one model."""
    rng = np.random.default_rng(seed)
    groups: dict[Model, list[Template]] = defaultdict(list)
    for k in range(galaxies):
        template = templates[k % len(templates)]
        groups[template.model].append(template)
    drawn: dict[int, np.ndarray] = {}
    for fitted_model, members in groups.items():
        for begin in range(0, len(members), _CHUNK):
            chunk = members[begin : begin + _CHUNK]
            simulated = [simulate(template, rng, settings, drawn) for template in chunk]
            fits = fit_galaxies(simulated, fitted_model, settings, images=False)
            yield [template.parameters for template in chunk], fits


def simulate(
    template: Template,
    rng: np.random.Generator,
    settings: FitSettings,
    drawn: dict[int, np.ndarray] | None = None,
) -> survey.Galaxy:
    """The template's galaxy with the model's light and new noise in place of its pixels.

    Parameters
    ----------
    template : Template
        What is drawn.
    rng : numpy Generator
        Of the noise.
    settings : FitSettings
        How PSF stamps are meant.
    drawn : dict, optional
        Noiseless images by the template's identity; filled in.
    """
    known = {} if drawn is None else drawn
    if id(template) not in known:
        known[id(template)] = _noiseless(template, settings)
    galaxy = template.galaxy
    image = known[id(template)] + galaxy.sigma * rng.standard_normal(galaxy.shape)
    return replace(galaxy, image=image)


def _noiseless(template: Template, settings: FitSettings) -> np.ndarray:
    """The model image in double precision, (H, W)."""
    import torch

    from galviewer.fit import choose_device
    from galviewer.run.batches import make_problem

    exact = replace(settings, dtype="float64")
    with torch.inference_mode():
        problem = make_problem([template.galaxy], template.model, exact, choose_device(settings.device))
        values = torch.as_tensor(np.array(template.parameters), device=problem.data.device)[None]
        return problem.renderer.image(values)[0].cpu().numpy()


def _offsets(fit: GalaxyFit, truth: np.ndarray) -> Iterator[tuple[str, str, float, float]]:
    """Column, unit, fitted minus true and error of every free parameter that has an error."""
    for k in fit.model.free:
        parameter, error = fit.model.parameters[k], float(fit.errors[k])
        if not (np.isfinite(error) and error > 0):
            continue
        offset = float(fit.parameters[k] - truth[k])
        turn = fit.model.turns[k]
        if np.isfinite(turn):
            offset = (offset + 0.5 * turn) % turn - 0.5 * turn
        yield fit.model.columns[k], parameter.unit, offset, error


def _row(column: str, unit: str, pairs: np.ndarray) -> Row:
    """Statistics of (offset, error) pairs, (N, 2)."""
    offset, error = pairs.T
    pulls = offset / error
    low, middle, high = np.percentile(pulls, [15.865525, 50.0, 84.134475])
    inside, outer = (float(np.mean(np.abs(pulls) <= k)) for k in (1.0, _NORMAL_95))
    return Row(
        parameter=column,
        unit=unit,
        galaxies=len(pulls),
        bias=float(np.median(offset)),
        error=float(np.median(error)),
        pull_median=float(middle),
        pull_width=float(0.5 * (high - low)),
        coverage68=inside,
        binomial68=float(np.sqrt(0.6827 * 0.3173 / len(pulls))),
        coverage95=outer,
        binomial95=float(np.sqrt(0.95 * 0.05 / len(pulls))),
    )
