"""What the Batch page knows: the form, the look through the folder, the job, the table of results.

No widgets: `batch_page` draws it, tests drive it.
"""

from __future__ import annotations

import contextlib
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviewer.errors import SettingsError
from galviewer.explorer.jobs import PSF_KINDS, Job, JobRequest, attach
from galviewer.explorer.preflight import Preflight
from galviewer.explorer.progress import Progress
from galviewer.explorer.results import Page, Results

if TYPE_CHECKING:
    from galviewer.explorer.state import State
    from galviewer.survey import SurveySettings

PRESENT = "present"
"""Model choice: the one on the Fit page."""

FILE = "file"
"""Model choice: a TOML file."""

FIELDS = ("folder", "model", "model_file", "psf", "psf_kind", "zeropoint", "pixel_scale", "out", "device")

MOST_SUGGESTIONS = 60


class Batch:
    """The Batch page of one session.

    Parameters
    ----------
    state : State
        The session.
    """

    def __init__(self, state: State) -> None:
        self.state = state
        self.form: dict[str, str] = _first_form(state)
        self.job: Job | None = None
        self.results: Results | None = None
        self.preflight: Preflight | None = None
        self._adopt(Path(self.form["out"]))
        self.count()

    # ---- form ----------------------------------------------------------------------------------

    def fill(self, values: dict[str, Any]) -> None:
        """Take over what was typed; unknown fields are ignored.

        A run directory that exists already is opened at once: what it holds is shown, and a process
        at work on it is watched.
        """
        before = dict(self.form)
        self.form.update({key: str(values[key]) for key in FIELDS if key in values})
        if self.form["out"] != before["out"] and not self.live:
            self._adopt(Path(self.form["out"]).expanduser())
        if self.form["folder"] != before["folder"]:
            self.count()

    def request(self) -> JobRequest:
        """The form as a request.

        Raises
        ------
        SettingsError
            If a number is none, or a path is wrong.
        """
        form = self.form
        model = {PRESENT: "", FILE: form["model_file"]}.get(form["model"], form["model"])
        if form["model"] == FILE and not model.endswith(".toml"):
            raise SettingsError("model", f"'{model}'", "the path of a .toml file")
        if form["model"] == PRESENT:
            model = "present"  # written on start
        return JobRequest(
            folder=form["folder"],
            model=model,
            out=form["out"],
            psf=form["psf"].strip(),
            psf_kind=form["psf_kind"],
            zeropoint=_number("zeropoint", form["zeropoint"]),
            pixel_scale=_number("pixel scale", form["pixel_scale"]),
            device=form["device"],
            more=_options(self.state.source.settings),
        ).resolved()

    def survey_settings(self) -> SurveySettings:
        """How the form's folder is to be read: the session's patterns with the form's values.

        Raises
        ------
        SettingsError
            If a value makes no sense.
        """
        from galviewer.survey import SurveySettings

        base = self.state.source.settings or SurveySettings()
        return replace(
            base,
            psf=self.form["psf"].strip() or None,
            zeropoint=_number("zeropoint", self.form["zeropoint"]),
            pixel_scale=_number("pixel scale", self.form["pixel_scale"]),
        )

    @staticmethod
    def suggestions(text: str, suffixes: tuple[str, ...] = ()) -> list[str]:
        """Paths that continue what was typed: folders, and files with one of the suffixes."""
        typed = Path(text).expanduser() if text else Path.cwd()
        parent, start = (typed, "") if not text or text.endswith("/") else (typed.parent, typed.name)
        try:
            entries = sorted(parent.iterdir())
            found = [
                f"{path}/" if path.is_dir() else str(path)
                for path in entries
                if path.name.startswith(start)
                and (start.startswith(".") or not path.name.startswith("."))
                and (path.is_dir() or path.name.lower().endswith(suffixes or ("\0",)))
            ]
        except OSError:
            return []
        return found[:MOST_SUGGESTIONS]

    # ---- actions -------------------------------------------------------------------------------

    def check(self) -> None:
        """Begin to read every galaxy of the folder.

        Raises
        ------
        SettingsError
            If a value of the form makes no sense.
        """
        self._look_through(self.survey_settings(), reads=True)

    def count(self) -> None:
        """Begin to count the galaxies of the folder; not without one, nor while a number is wrong."""
        if self.form["folder"]:
            with contextlib.suppress(SettingsError):
                self._look_through(self.survey_settings(), reads=False)

    def _look_through(self, settings: SurveySettings, reads: bool) -> None:
        if self.preflight:
            self.preflight.stop()
        self.preflight = Preflight(str(Path(self.form["folder"]).expanduser()), settings, reads).start()

    def start(self) -> None:
        """Start the run of the form; in a directory that holds one already, go on with it.

        Raises
        ------
        SettingsError, RunError
            If the form is wrong or a process works on the directory.
        """
        request = self.request()
        if self.preflight:
            self.preflight.stop()  # the run reads the same files; the disk is for it alone
        job = Job(Path(request.out))
        if self.form["model"] == PRESENT:
            request = replace(request, model=str(self._write_model(job.directory)))
        job.start(request)
        self.job, self.results = job, Results(job.directory)

    def resume(self) -> None:
        """Go on with a cancelled or failed run as it was started.

        Raises
        ------
        RunError
            If the directory was not started from a screen, or a process works on it.
        """
        if self.job:
            self.job.resume()

    def cancel(self) -> None:
        """Stop after the batch in hand."""
        if self.job:
            self.job.cancel()

    def kill(self) -> None:
        """Stop at once."""
        if self.job:
            self.job.kill()

    def inspect(self, name: str) -> None:
        """Show a galaxy of the run with its fit on the Fit page.

        Raises
        ------
        GalviewerError
            If the run cannot be opened.
        """
        if self.job is None:
            return
        state = self.state
        if state.source.run is None or Path(state.source.run).resolve() != self.job.directory:
            state.open(self.job.directory)
        else:
            state.refresh()
        if state.select(name):
            state.page = "fit"

    # ---- what is to be shown -------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether a process works on the run."""
        return self.job is not None and self.job.running

    def progress(self) -> Progress:
        """How far the run is."""
        return self.job.progress() if self.job else Progress()

    def page(self, **view: Any) -> Page:
        """A slice of the results so far; see `Results.page`."""
        if self.results is None:
            return Page()
        self.results.refresh()
        return self.results.page(**view)

    def _adopt(self, directory: Path) -> None:
        """Watch a run directory that exists."""
        self.job = self.results = None
        if (directory / "run.toml").is_file() or (directory / "job.json").is_file():
            self.job = attach(directory)
            self.results = Results(self.job.directory)

    def _write_model(self, directory: Path) -> Path:
        """The Fit page's model as a file in the run directory."""
        from galviewer.model import to_toml

        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "job.model.toml"
        path.write_text(to_toml(self.state.model or self.state.start_model), "utf-8")
        return path


def _first_form(state: State) -> dict[str, str]:
    """What the form shows at first: what the session knows."""
    source, settings = state.source, state.source.settings
    folder = str(source.folder or "")
    out = source.run or (Path(folder).with_name(f"{Path(folder).name}_run") if folder else "")
    kind = getattr(state.settings, "psf_kind", PSF_KINDS[0])
    return {
        "folder": folder,
        "model": PRESENT,
        "model_file": "",
        "psf": _text(getattr(settings, "psf", None)),
        "psf_kind": str(kind),
        "zeropoint": _text(getattr(settings, "zeropoint", None)),
        "pixel_scale": _text(getattr(settings, "pixel_scale", None)),
        "out": str(out),
        "device": str(getattr(state.settings, "device", "auto")),
    }


_IN_FORM = ("psf", "zeropoint", "pixel_scale")
_OPTION = {"sky_level": "sky"}


def _options(settings: SurveySettings | None) -> tuple[str, ...]:
    """How the session reads its folder, as options: what is neither default nor in the form."""
    from galviewer.survey import SurveySettings

    words = []
    for field in fields(SurveySettings):
        value = getattr(settings, field.name, field.default)
        if field.name in _IN_FORM or value == field.default or isinstance(value, tuple):
            continue
        name = _OPTION.get(field.name, field.name).replace("_", "-")
        words.append(f"--{name}" if value is True else f"--{name}={value}")
    return tuple(words)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _number(whose: str, text: str) -> float | None:
    """A number, or None where nothing is written."""
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        raise SettingsError(whose, f"'{text}'", "a number, or nothing") from None
    if not abs(value) < float("inf"):
        raise SettingsError(whose, f"'{text}'", "a finite number, or nothing")
    return value


__all__ = ["FIELDS", "FILE", "PRESENT", "Batch"]
