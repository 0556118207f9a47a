"""What a run is asked to do, and what of it must stay the same when the run is resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviewer.errors import SettingsError
from galviewer.model import Model, from_toml, to_toml
from galviewer.products.columns import ERROR_KIND, ColumnInfo, choice_columns, columns
from galviewer.products.companions import COLUMNS as COMPANION_COLUMNS
from galviewer.run.ladder import lowest_rung, rungs
from galviewer.run.neighbours import check_mode
from galviewer.survey import SurveySettings

if TYPE_CHECKING:
    from galviewer.fit import FitSettings

RUN_IDENTITY = ("limit", "batch_size", "blocks", "ladder", "neighbours", "companions", "errors")
"""Settings of the run that decide the catalogue's content."""

_NOT_IDENTITY = ("device", "batch_size")
"""Fit settings that do not say what is fitted, only where."""


@dataclass(frozen=True)
class RunSettings:
    """A folder to be fitted into a run directory.

    Parameters
    ----------
    folder : str
        Folder of FITS files, or a table of paths.
    out : str
        Run directory; made if missing.
    model : Model
        What is fitted.
    survey : SurveySettings
        How the folder is read.
    fit : mapping
        Fields of `galviewer.fit.FitSettings` that differ from their defaults, except device and batch size.
        A mapping, so that a finished run can be looked at without torch.
    device : str
        "auto", "cpu" or "cuda".
    batch_size : int, optional
        Galaxies fitted together; None chooses from the memory at hand.
    limit : int, optional
        Only the first galaxies of the folder.
    blocks : bool
        Whether a FITS block is written for each galaxy.
    threads : int, optional
        Processor threads of the fit; None leaves one core to reading and writing.
    profiles : tuple of str
        Python files that register the user's profiles.
    ladder : str
        "auto", "auto+sky" or "auto-sky" chooses a model for each galaxy; `model` is then the lowest rung.
        Empty where all have `model`.
    neighbours : str
        "off", "mask", "fit" or "auto".
    companions : bool
        Whether non-parametric quantities are measured too, about a second for each galaxy.
    errors : str
        "covariance", or "bootstrap" for the scatter of 100 refits to pixels drawn again.
    """

    folder: str
    out: str
    model: Model
    survey: SurveySettings = field(default_factory=SurveySettings)
    fit: Mapping[str, Any] = field(default_factory=dict)
    device: str = "auto"
    batch_size: int | None = None
    limit: int | None = None
    blocks: bool = True
    threads: int | None = None
    profiles: tuple[str, ...] = ()
    ladder: str = ""
    neighbours: str = "off"
    companions: bool = False
    errors: str = "covariance"

    def __post_init__(self) -> None:
        for name in ("batch_size", "limit", "threads"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingsError(name, f"is {value}", "1 or more")
        if self.errors not in ("covariance", "bootstrap"):
            raise SettingsError("errors", repr(self.errors), "covariance or bootstrap")
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError("device", repr(self.device), "auto, cpu or cuda")
        check_mode(self.neighbours)
        if self.ladder and self.model != lowest_rung(self.ladder):
            raise SettingsError("model", f"is {self.model.name!r}", f"the lowest rung of {self.ladder!r}")

    @property
    def model_name(self) -> str:
        """Name of the model, or of the choice among several."""
        return self.ladder or self.model.name

    @property
    def models(self) -> tuple[Model, ...]:
        """All models that a galaxy of the run may have."""
        return rungs(self.ladder) if self.ladder else (self.model,)

    def columns(self) -> tuple[ColumnInfo, ...]:
        """The columns of the run's catalogue."""
        infos = choice_columns(self.models) if self.ladder else columns(self.model)
        infos = (*infos, *COMPANION_COLUMNS) if self.companions else infos
        return (*infos, ERROR_KIND) if self.errors == "bootstrap" else infos

    def fit_settings(self) -> FitSettings:
        """The engine's settings; imports torch.

        Raises
        ------
        SettingsError
            If a fit setting is unknown or makes no sense.
        """
        from galviewer.fit import FitSettings, SearchSettings
        from galviewer.render import RenderSettings

        values = dict(self.fit)
        unknown = set(values) - {f.name for f in fields(FitSettings)}
        if unknown:
            raise SettingsError(
                ", ".join(sorted(unknown)), "is no setting of the fit", "a field of FitSettings"
            )
        if isinstance(values.get("render"), Mapping):
            values["render"] = RenderSettings(**values["render"])
        if isinstance(values.get("search"), Mapping):
            values["search"] = SearchSettings(**values["search"])
        return FitSettings(**values, device=self.device, batch_size=self.batch_size)  # pyright: ignore[reportArgumentType]

    def identity(self) -> dict[str, Any]:
        """What decides the catalogue's content, every default written out; resuming leaves it as it was."""
        fit = {key: value for key, value in asdict(self.fit_settings()).items() if key not in _NOT_IDENTITY}
        return {
            "model": to_toml(self.model),
            "survey": _without_none(asdict(self.survey)),
            "fit": _without_none(fit),
            "run": _without_none({key: getattr(self, key) for key in RUN_IDENTITY}),
        }


def settings_hash(identity: Mapping[str, Any]) -> str:
    """BLAKE2b (64 bits, hexadecimal) of `RunSettings.identity`."""
    text = json.dumps(identity, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def differences(stored: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Names of the settings in which two identities differ, each with both values."""
    found = []
    for group in ("model", "survey", "fit", "run"):
        old, new = stored.get(group, {}), given.get(group, {})
        if group == "model":
            if old != new:
                found.append("the model")
            continue
        old, new = json.loads(json.dumps(old, default=str)), json.loads(json.dumps(new, default=str))
        for key in sorted(set(old) | set(new)):
            if old.get(key) != new.get(key):
                found.append(f"{key} (was {old.get(key, 'not set')}, now {new.get(key, 'not set')})")
    return found


def to_document(settings: RunSettings, identity: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of ``run.toml`` that hold the settings; `from_document` reads them."""
    run = dict(identity["run"]) | {
        "folder": str(Path(settings.folder).resolve()),
        "model": settings.model_name,
        "device": settings.device,
        "settings_hash": settings_hash(identity),
        "profiles": [str(Path(path).resolve()) for path in settings.profiles],
    }
    return {"run": run, "survey": identity["survey"], "fit": identity["fit"]}


def from_document(document: Mapping[str, Any], model_text: str, out: str | Path) -> RunSettings:
    """The settings that `to_document` wrote.

    Raises
    ------
    SettingsError, ModelError
        If they were edited into something that makes no sense.
    """
    run = document["run"]
    model = from_toml(model_text, whose=f"{out}/model.toml")
    survey: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document["survey"].items()
    }
    try:
        return RunSettings(
            folder=run["folder"],
            out=str(out),
            model=model,
            survey=SurveySettings(**survey),
            fit=document["fit"],
            device=run["device"],
            batch_size=run.get("batch_size"),
            limit=run.get("limit"),
            blocks=run["blocks"],
            profiles=tuple(run.get("profiles", ())),
            ladder=run.get("ladder", ""),
            neighbours=run.get("neighbours", "off"),
            companions=run.get("companions", False),
            errors=run.get("errors", "covariance"),
        )
    except TypeError as error:
        raise SettingsError(f"{out}/run.toml", f"has a setting that is not known ({error})") from error


def load_profiles(settings: RunSettings) -> None:
    """Register the user's profiles.

    Raises
    ------
    ModelError
        If a file is missing or fails.
    """
    from galviewer import profiles

    for path in settings.profiles:
        profiles.load_user_profiles(path)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """TOML knows no null: what is None is left out, also inside."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in values.items()
        if value is not None
    }


__all__ = ["RunSettings", "differences", "from_document", "load_profiles", "settings_hash", "to_document"]
