"""The run directory: where each file lies, who may write, what ``run.toml`` says.

::

    run.toml     settings, versions, checksum of the inputs
    model.toml   the model
    inputs.csv   the plan: every galaxy with its part and the checksum of its files
    catalogue/   part-00000.parquet, ...: each complete or not there
    neighbours/  part-00000.parquet, ...: the neighbours fitted together with the galaxies of each part
    blocks/      NAME.fits
    events.jsonl what happened
    .lock        held by the process that writes; freed by the system however that process ends
    cancel       whoever creates it asks the run to stop
"""

from __future__ import annotations

import contextlib
import csv
import importlib.metadata
import os
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from galviewer.errors import RunError
from galviewer.products.files import file_name, replacing, unwritable

FORMAT = 1
"""Version of the directory's layout."""


class RunDirectory:
    """Paths in a run directory.

    Parameters
    ----------
    path : path
        The directory; need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.run_toml = self.path / "run.toml"
        self.model_toml = self.path / "model.toml"
        self.inputs = self.path / "inputs.csv"
        self.catalogue = self.path / "catalogue"
        self.neighbours = self.path / "neighbours"
        self.blocks = self.path / "blocks"
        self.events = self.path / "events.jsonl"
        self.cancel = self.path / "cancel"
        self.lock = self.path / ".lock"

    @property
    def planned(self) -> bool:
        """Whether a run was begun here (``run.toml`` is written last)."""
        return self.run_toml.is_file()

    def part(self, number: int) -> Path:
        """File of a part of the catalogue."""
        return self.catalogue / f"part-{number:05d}.parquet"

    def neighbour_part(self, number: int) -> Path:
        """File of the neighbours of a part's galaxies."""
        return self.neighbours / f"part-{number:05d}.parquet"

    def neighbour_parts(self) -> list[Path]:
        """Neighbours of the parts that are complete, in order."""
        return [path for part in self.parts() if (path := self.neighbours / part.name).is_file()]

    def parts(self) -> list[Path]:
        """The parts that are complete, in order."""
        return sorted(self.catalogue.glob("part-[0-9]*.parquet"))

    def block(self, name: str) -> Path:
        """File of a galaxy's block, whether it exists or not."""
        return self.blocks / f"{file_name(name)}.fits"

    def create(self, neighbours: bool = False) -> None:
        """Make the directory and its folders.

        Parameters
        ----------
        neighbours : bool
            Whether neighbours are fitted.

        Raises
        ------
        RunError
            If that is not possible.
        """
        if self.path.exists() and not self.path.is_dir():
            raise RunError(str(self.path), "is a file", "a directory for the run", "choose another --out")
        try:
            for folder in (self.path, self.catalogue, self.blocks, *([self.neighbours] * neighbours)):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.path, error) from error

    def remove_partial_files(self) -> None:
        """Delete what a killed process left unfinished."""
        for folder in (self.path, self.catalogue, self.blocks, self.neighbours):
            for path in folder.glob(".*.partial*"):
                with contextlib.suppress(OSError):
                    path.unlink()

    def read_document(self) -> tuple[dict[str, Any], str]:
        """``run.toml`` as tables, and the text of ``model.toml``.

        Raises
        ------
        RunError
            If they are missing or damaged.
        """
        if not self.planned:
            raise RunError(
                str(self.path), "is no run directory", "a directory with run.toml", "check the name"
            )
        try:
            document = tomllib.loads(self.run_toml.read_text(encoding="utf-8"))
            model = self.model_toml.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RunError(str(self.path), f"cannot be read ({error})", "run.toml and model.toml") from error
        if document.get("format") != FORMAT:
            found = document.get("format")
            raise RunError(
                str(self.run_toml),
                f"has format {found}",
                f"format {FORMAT}",
                "use the galviewer that wrote it",
            )
        return document, model

    def write_document(self, document: dict[str, Any], model: str) -> None:
        """Write ``model.toml``, then ``run.toml``.

        Raises
        ------
        RunError
            If they cannot be written.
        """
        import tomli_w

        with replacing(self.model_toml) as partial:
            partial.write_text(model, encoding="utf-8")
        with replacing(self.run_toml) as partial:
            partial.write_text(tomli_w.dumps({"format": FORMAT} | document), encoding="utf-8")

    def write_inputs(self, rows: list[tuple[str, int, str]]) -> None:
        """Write the plan: name, part and checksum of every galaxy, in the folder's order.

        Raises
        ------
        RunError
            If it cannot be written.
        """
        with replacing(self.inputs) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("name", "part", "checksum"))
            writer.writerows(rows)

    def read_inputs(self) -> list[tuple[str, int, str]]:
        """The plan that `write_inputs` wrote.

        Raises
        ------
        RunError
            If it is missing or damaged.
        """
        try:
            with self.inputs.open(newline="", encoding="utf-8") as file:
                return [(row["name"], int(row["part"]), row["checksum"]) for row in csv.DictReader(file)]
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise RunError(str(self.inputs), f"cannot be read ({error})", "the plan of the run") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the right to write.

        Raises
        ------
        RunError
            If another process holds it.
        """
        try:
            file = self.lock.open("a+b")
        except OSError as error:
            raise unwritable(self.lock, error) from error
        with file:
            for _ in range(5):  # someone may be asking who writes, for a moment
                if _take(file, exclusive=True):
                    break
                time.sleep(0.05)
            else:
                owner = self._owner()
                raise RunError(
                    str(self.path), f"is being written by another process{owner}", "one writer",
                    "wait for it, cancel it, or choose another --out",
                )  # fmt: skip
            file.truncate(0)
            file.write(str(os.getpid()).encode())
            file.flush()
            yield

    def busy(self) -> bool:
        """Whether a process writes here now."""
        try:
            with self.lock.open("rb") as file:
                return not _take(file, exclusive=False)
        except OSError:
            return False

    def _owner(self) -> str:
        try:
            return f" (number {int(self.lock.read_text())})"
        except (OSError, ValueError):
            return ""


def versions() -> dict[str, str]:
    """Versions of what the numbers depend on; torch is asked without importing it."""
    from galviewer import __version__

    found = {"galviewer": __version__}
    for package in ("torch", "numpy", "astropy", "sep"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _take(file: IO[bytes], exclusive: bool) -> bool:
    """Lock an open file without waiting; False if another process holds it. Closing it lets go."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _take_windows(file)
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _take_windows(file: IO[bytes]) -> bool:
    """As `_take`, for systems without flock: the first byte beyond any process number is locked."""
    import msvcrt

    try:
        file.seek(64)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    except OSError:
        return False
    return True
