"""The explorer's session state: what is shown, as plain data. It holds no widgets and imports no panel.

Views watch its parameters; user actions call its methods. One instance per browser session.
"""

from __future__ import annotations

import functools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import numpy as np
import param

from galviewer.errors import GalviewerError
from galviewer.explorer import edits
from galviewer.explorer.rendering import LiveModel
from galviewer.explorer.source import Source, open_source
from galviewer.model import Model, Tie
from galviewer.model import load as load_model
from galviewer.products.scene import Scene

if TYPE_CHECKING:
    from galviewer.products import GalaxyFit
    from galviewer.survey import Galaxy

_worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="galviewer-fit")
"""One fit at a time for all sessions: fits take turns, sliders stay live."""


_State = TypeVar("_State", bound="State")
_Rest = ParamSpec("_Rest")
_Out = TypeVar("_Out")


def _alone(
    method: Callable[Concatenate[_State, _Rest], _Out],
) -> Callable[Concatenate[_State, _Rest], _Out]:
    """One change at a time: notebooks deliver a slider's messages in another thread than the user's cells."""

    @functools.wraps(method)
    def run(self: _State, /, *args: _Rest.args, **kwargs: _Rest.kwargs) -> _Out:
        with self._lock:
            return method(self, *args, **kwargs)

    return run


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What Undo goes back to."""

    model: Model
    values: np.ndarray
    result: GalaxyFit | None


@dataclass
class Work:
    """What was done on one galaxy in this session."""

    model: Model
    values: np.ndarray
    result: GalaxyFit | None = None
    chi2_before: float | None = None
    undo: list[Snapshot] = field(default_factory=list)


class State(param.Parameterized):
    """What one browser session looks at.

    Parameters
    ----------
    source : Source
        Where the galaxies come from.
    start_model : Model or str
        What a galaxy without a fit is shown with.
    settings : FitSettings, optional
        For rendering and Fit.
    """

    source: Source = param.Parameter()  # type: ignore[assignment]
    names: list[str] = param.List()  # type: ignore[assignment]
    name: str = param.String(constant=False)  # type: ignore[assignment]
    galaxy: Galaxy | None = param.Parameter()  # type: ignore[assignment]
    model: Model = param.Parameter()  # type: ignore[assignment]
    values: np.ndarray = param.Parameter()  # type: ignore[assignment]
    scene: Scene | None = param.Parameter(doc="What the present values look like.")  # type: ignore[assignment]
    result: GalaxyFit | None = param.Parameter()  # type: ignore[assignment]
    page: str = param.Selector(default="fit", objects=["fit", "batch"])  # type: ignore[assignment]
    busy: str = param.String(doc="What is going on; empty when nothing is.")  # type: ignore[assignment]
    message: tuple[str, str] = param.Tuple(default=("info", ""))  # type: ignore[assignment]
    undo_depth: int = param.Integer()  # type: ignore[assignment]
    revision: int = param.Integer(doc="Counts changes of the queue's rows.")  # type: ignore[assignment]
    dark: bool = param.Boolean(default=True)  # type: ignore[assignment]
    stretch: str = param.String(default="asinh")  # type: ignore[assignment]
    limits: str = param.String(default="sky")  # type: ignore[assignment]
    palette: str = param.String(default="magma")  # type: ignore[assignment]
    residual_mode: str = param.String(default="sigma")  # type: ignore[assignment]
    show_mask: bool = param.Boolean(default=True)  # type: ignore[assignment]
    show_ellipses: bool = param.Boolean(default=True)  # type: ignore[assignment]
    brightness: str = param.Selector(default="mag", objects=["mag", "flux"])  # type: ignore[assignment]
    radius_scale: str = param.Selector(default="linear", objects=["linear", "log", "quarter"])  # type: ignore[assignment]

    def __init__(self, source: Source, start_model: Model | str = "sersic", settings: Any = None) -> None:
        super().__init__(name="")
        self._given_settings = settings
        self.start_model = load_model(start_model) if isinstance(start_model, str) else start_model
        self.later: Callable[[Callable[[], None]], None] = lambda action: action()
        self.results: dict[str, GalaxyFit] = {}
        self._work: dict[str, Work] = {}
        self._benches: dict[tuple[str, Model], LiveModel] = {}
        self.timings: deque[float] = deque(maxlen=512)
        self._lock = threading.RLock()
        self._use(source)

    # ---- what is shown -------------------------------------------------------------------------

    def _use(self, source: Source) -> None:
        self.source = source
        self.settings = self._given_settings or source.fit_settings() or _default_settings()
        if source.model is not None:
            self.start_model = edits.carried(source.model)
        self.names = list(source.names)
        self.revision += 1

    @_alone
    def open(self, path: str | Path) -> None:
        """Switch to another folder or run and show its first galaxy.

        Raises
        ------
        InputError, RunError
            If it is neither.
        """
        source = open_source(path)
        self._work, self.results = {}, {}
        self._benches.clear()
        self._use(source)
        self.name, self.galaxy, self.scene, self.result = "", None, None, None
        if self.names:
            self.select(self.names[0])

    @_alone
    def refresh(self) -> None:
        """Read the source again, e.g. new results of a running batch; the galaxy on screen stays."""
        self._use(self.source.reopen())

    @_alone
    def select(self, name: str) -> bool:
        """Show that galaxy; False, with a message, if it cannot be read."""
        try:
            galaxy = self.source.galaxy(name)
            work = self._work.get(name) or self._begin(name, galaxy)
        except GalviewerError as error:
            self.tell("error", str(error))
            return False
        self._work[name] = work
        with param.parameterized.batch_call_watchers(self):
            self.name, self.galaxy = name, galaxy
            self.model, self.values, self.result = work.model, work.values, work.result
            self.undo_depth = len(work.undo)
            self.message = _greeting(galaxy, work.result)
            self._show()
        return True

    @_alone
    def move(self, steps: int) -> None:
        """Show the galaxy `steps` further down the queue, as far as it goes."""
        if self.names:
            here = self.names.index(self.name) if self.name in self.names else 0
            self.select(self.names[min(max(here + steps, 0), len(self.names) - 1)])

    def _begin(self, name: str, galaxy: Galaxy) -> Work:
        """The galaxy's first look: its stored fit, or the model at measured start values."""
        fit = self.results.get(name) or self.source.fitted(name)
        if fit is not None and np.isfinite(fit.parameters).all():
            return Work(fit.model, np.array(fit.parameters, float), fit)
        stored, model = self.source.parameters(name), self.source.model_of(name)
        if stored is not None and model is not None:
            return Work(model, stored)
        return Work(self.start_model, self._bench(name, galaxy, self.start_model).starts(), fit)

    def _bench(self, name: str, galaxy: Galaxy, model: Model) -> LiveModel:
        """The workbench of that galaxy and model; only the latest few are kept."""
        key = (name, model)
        if key not in self._benches:
            while len(self._benches) >= 4:
                self._benches.pop(next(iter(self._benches)))
            self._benches[key] = LiveModel(galaxy, model, self.settings)
        return self._benches[key]

    def _show(self) -> None:
        """Render the present values into a new scene."""
        assert self.galaxy is not None  # callers have selected a galaxy
        images = self._bench(self.name, self.galaxy, self.model).render(self.values)
        self.scene = Scene.of(self.galaxy, self.model, self.values, images, self.scene)

    # ---- changes ---------------------------------------------------------------------------------

    @property
    def work(self) -> Work:
        """The record of the galaxy on screen."""
        return self._work[self.name]

    @_alone
    def remember(self) -> None:
        """Put the present model and values on the undo stack."""
        self.work.undo.append(Snapshot(self.model, self.values, self.result))
        self.undo_depth = len(self.work.undo)

    @_alone
    def undo(self) -> None:
        """Back to the last remembered state, as often as there are any."""
        if self.galaxy is not None and self.work.undo:
            snapshot = self.work.undo.pop()
            self.undo_depth = len(self.work.undo)
            self._become(snapshot.model, snapshot.values, snapshot.result)

    def _become(self, model: Model, values: np.ndarray, result: GalaxyFit | None) -> None:
        """Show other values and, where it differs, another model."""
        with param.parameterized.batch_call_watchers(self):
            if model != self.model:
                self.model = model
                self.start_model = edits.carried(model)
            self.values = np.array(values, float)
            if result is not self.result:
                self.result = result
            work = self.work
            work.model, work.values, work.result = model, self.values, result
            self._show()

    @_alone
    def set_value(self, column: str, value: float) -> None:
        """Move one parameter, inside its bounds; a tied one moves its leader. See also `remember`."""
        terms, offset = self.model.tie_terms(column)
        values = self.values.copy()
        root, factor = terms[0]
        others = sum(share * values[index] for index, share in terms[1:])
        values[root] = (value - offset - others) / factor if factor else values[root]
        self.set_values(values)

    @_alone
    def set_values(self, values: np.ndarray) -> None:
        """All parameter values at once, (P,), clipped into their bounds."""
        self._become(self.model, edits.clipped(self.model, values), self.result)

    @_alone
    def set_model(self, model: Model, values: np.ndarray | None = None) -> None:
        """Another model; values of columns that both have stay, the rest is measured."""
        if self.galaxy is None:
            self.start_model = model
            return
        self.remember()
        if values is None:
            measured = self._bench(self.name, self.galaxy, model).starts()
            values = edits.transfer(self.model, self.values, model, measured)
        self._become(model, values, None)

    @_alone
    def use_template(self, name: str) -> None:
        """A ready-made model at measured start values."""
        model = load_model(name)
        if self.galaxy is not None:
            self.set_model(model, self._bench(self.name, self.galaxy, model).starts())

    @_alone
    def measure(self) -> None:
        """Start values measured from the pixels."""
        if self.galaxy is not None:
            self.remember()
            model = edits.carried(self.model)
            self._become(self.model, self._bench(self.name, self.galaxy, model).starts(), self.result)

    def _edit(self, model: Model, values: np.ndarray) -> None:
        self.remember()
        keeps = self.result if model.columns == self.model.columns else None
        self._become(model, values, keeps)

    @_alone
    def set_fixed(self, column: str, fixed: bool) -> None:
        """Hold a parameter at its present value, or set it free."""
        self._edit(edits.set_fixed(self.model, self.values, column, fixed), self.values)

    @_alone
    def set_tie(self, column: str, tie: Tie | None) -> None:
        """Let a parameter follow another one, or no longer."""
        model = edits.set_tie(self.model, column, tie)
        self._edit(model, edits.with_ties(model, self.values))

    @_alone
    def set_bounds(self, column: str, lower: float, upper: float) -> None:
        """Bounds of a parameter; its value is moved inside."""
        self._edit(*edits.set_bounds(self.model, self.values, column, lower, upper))

    @_alone
    def add_component(self, profile: str) -> None:
        """One more component."""
        if self.galaxy is not None:
            height, width = self.galaxy.image.shape
            self._edit(*edits.add(self.model, self.values, profile, (height, width)))

    @_alone
    def duplicate_component(self, name: str) -> None:
        """A second component like the one named."""
        self._edit(*edits.duplicate(self.model, self.values, name))

    @_alone
    def remove_component(self, name: str) -> None:
        """The model without that component."""
        self._edit(*edits.remove(self.model, self.values, name))

    # ---- fit ---------------------------------------------------------------------------------------

    def fit(self, wait: bool = False) -> None:
        """Fit the galaxy on screen from the present values, in a worker thread.

        Parameters
        ----------
        wait : bool
            Return only when it is done and shown (tests, notebooks).
        """
        if self.galaxy is None or self.busy:
            return
        bench = self._bench(self.name, self.galaxy, self.model)
        asked = (self.work, self.name, self.model, self.values, self.scene.chi2 if self.scene else None)
        self.busy = f"Fitting {self.name}"
        future = _worker.submit(bench.fit, self.values.copy())
        if wait:
            self._fitted(asked, future)
        else:
            future.add_done_callback(lambda done: self.later(lambda: self._fitted(asked, done)))

    @_alone
    def _fitted(self, asked: tuple[Work, str, Model, np.ndarray, float | None], future: Any) -> None:
        """Take over a finished fit, unless another folder was opened meanwhile."""
        work, name, model, values, chi2 = asked
        self.busy = ""
        try:
            fit: GalaxyFit = future.result()
        except Exception as error:  # the screen outlives any failure of one fit, and says what it was
            self.tell("error", f"{name}: the fit failed: {error}")
            return
        if self._work.get(name) is not work:
            return
        self.results[name] = fit
        self.revision += 1
        if not np.isfinite(fit.parameters).all():
            self.tell("error", f"{name}: no fit; " + _reasons(fit))
            return
        work.undo.append(Snapshot(model, values, work.result))
        work.chi2_before = chi2
        if name != self.name or model is not self.model:
            work.model, work.values, work.result = model, np.array(fit.parameters, float), fit
            return
        self.undo_depth = len(work.undo)
        self._become(model, fit.parameters, fit)
        kind = "warning" if fit.flags else "info"
        self.tell(
            kind, f"{name}: fitted in {fit.iterations} iterations, {fit.seconds:.2f} s. {_reasons(fit)}"
        )

    @property
    def reference_chi2(self) -> float | None:
        """What chi2 is compared with: that before the last fit, or the fit's once values moved on."""
        if self.galaxy is None or self.result is None or self.result.model.columns != self.model.columns:
            return None
        if not np.array_equal(self.values, self.result.parameters):
            return self.result.chi2
        return self.work.chi2_before

    def tell(self, kind: str, text: str) -> None:
        """Put a message on the status line; `kind` is "info", "warning" or "error"."""
        self.message = (kind, text)


def _greeting(galaxy: Galaxy, fit: GalaxyFit | None) -> tuple[str, str]:
    """What the status line says of a galaxy that comes on screen: its fit's flags, what was repaired."""
    said = [_reasons(fit)] if fit is not None and fit.flags else []
    return ("warning" if said else "info", "; ".join([*said, *galaxy.notes]))


def _reasons(fit: GalaxyFit) -> str:
    from galviewer import flags

    return flags.describe(fit.flags) if fit.flags else ""


def _default_settings() -> Any:
    from galviewer.fit import FitSettings

    return FitSettings()
