"""The batch run seen from a screen: start it as a child process, watch its events, cancel it, go on.

The run is the directory: this module keeps nothing a later process could not find there.
``job.json`` says which process works on it, ``job.log`` holds what that process said, ``events.jsonl``
(written by the run itself) says how far it is. A page that is closed, or a server that is stopped, loses
nothing; another page opens the same directory with `attach` and sees the same numbers.
No widgets here: `batch_page` draws what `Job.progress` returns.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from galviewer import flags
from galviewer.errors import RunError, SettingsError
from galviewer.explorer.progress import EventTail, Progress, Tally

PSF_KINDS = ("effective", "optical")

# Children of this server by run directory: only a parent can reap its child and learn its exit status.
_children: dict[Path, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class JobRequest:
    """What the Batch page asks for: the arguments of ``galviewer fit``.

    Parameters
    ----------
    folder : str
        Folder of FITS files, or a table of paths.
    model : str
        Template name or path of a TOML file.
    out : str
        Run directory; made if missing.
    psf : str
        One PSF file for all galaxies; empty for one each.
    psf_kind : str
        "effective" or "optical".
    zeropoint : float, optional
        Magnitude of one image unit; None leaves it to the headers.
    pixel_scale : float, optional
        Arcsec per pixel; None leaves it to the headers.
    device : str
        "auto", "cpu" or "cuda".
    more : tuple of str
        Further options, each as one word ``--key=value``.
    """

    folder: str
    model: str
    out: str
    psf: str = ""
    psf_kind: str = "effective"
    zeropoint: float | None = None
    pixel_scale: float | None = None
    device: str = "auto"
    more: tuple[str, ...] = ()

    def resolved(self) -> JobRequest:
        """The same request with absolute paths.

        Raises
        ------
        SettingsError
            If the folder, the PSF or the model file does not exist, or the run directory cannot be one.
        """
        folder = _path("folder", self.folder)
        if not folder.exists():
            raise SettingsError("folder", f"{folder} does not exist", remedy="choose a folder of FITS files")
        out = _path("run directory", self.out)
        if out.exists() and not out.is_dir():
            raise SettingsError("run directory", f"{out} is a file", remedy="choose another name")
        psf = str(_file("PSF", self.psf)) if self.psf else ""
        model = str(_file("model", self.model)) if self.model.endswith(".toml") else self.model
        if not model:
            raise SettingsError("model", "no model chosen", remedy="choose a template or a TOML file")
        if self.psf_kind not in PSF_KINDS:
            raise SettingsError("PSF kind", repr(self.psf_kind), " or ".join(PSF_KINDS))
        return replace(self, folder=str(folder), out=str(out), psf=psf, model=model)

    def command(self) -> list[str]:
        """The child's argument vector.

        Values are joined to their option by ``=``: one that begins with a dash stays a value.
        """
        words = [sys.executable, "-m", "galviewer", "fit", self.folder, f"--model={self.model}"]
        words += [f"--out={self.out}", f"--psf-kind={self.psf_kind}", f"--device={self.device}"]
        words += self.more
        if self.psf:
            words.append(f"--psf={self.psf}")
        if self.zeropoint is not None:
            words.append(f"--zeropoint={self.zeropoint!r}")
        if self.pixel_scale is not None:
            words.append(f"--pixel-scale={self.pixel_scale!r}")
        return words


class Job:
    """One run directory and the process that works on it, if any.

    Parameters
    ----------
    directory : Path
        The run directory; need not exist yet.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self._tail = EventTail(self.directory / "events.jsonl")
        self._tally = Tally()
        self._cancelled_at: float | None = None

    @property
    def request(self) -> JobRequest | None:
        """What the process was asked to do; None if this directory was not started from a screen."""
        record = self._record()
        if "request" not in record:
            return None
        return JobRequest(**{**record["request"], "more": tuple(record["request"].get("more", ()))})

    @property
    def running(self) -> bool:
        """Whether a process works on the directory now."""
        return self._process() is not None

    def progress(self) -> Progress:
        """Read the new events and say how far the run is."""
        process = self._process()  # before the events: a run that ends in between has written its end
        for event in self._tail.read():
            self._tally.add(event)
        phase = self._tally.phase
        if process is not None:
            phase = "cancelling" if self._cancelled_at else ("running" if self._started() else "starting")
        elif phase in ("running", "new") and self._record():
            phase = "failed"
        message = self._last_words() if phase == "failed" else ""
        return self._tally.progress(phase, memory=_memory(process), message=message)

    def start(self, request: JobRequest) -> None:
        """Start ``galviewer fit``; on a directory with finished parts it goes on where they end.

        Raises
        ------
        SettingsError
            If the request's paths are wrong.
        RunError
            If a process works on the directory already.
        """
        request = request.resolved()
        if self.running:
            raise RunError(str(self.directory), "a process works on this run", remedy="wait or cancel it")
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "cancel").unlink(missing_ok=True)
        self._cancelled_at = None
        command = request.command()
        with (self.directory / "job.log").open("ab") as log:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,  # the server's Ctrl-C and the terminal's hang-up do not reach it
            )
        _children[self.directory] = child
        self._write_record(child.pid, command, request)

    def resume(self) -> None:
        """Start the same request once more.

        Raises
        ------
        RunError
            If the directory does not say what was asked for.
        """
        request = self.request
        if request is None:
            raise RunError(
                str(self.directory), "not started from a screen", remedy="fill in the form and start"
            )
        self.start(request)

    def cancel(self) -> None:
        """Ask the process to stop after the batch in hand; what is done stays. Harmless when nothing runs."""
        process = self._process()
        if process is None:
            return
        self._cancelled_at = time.time()
        (self.directory / "cancel").touch()
        _signal(process, signal.SIGINT)

    def kill(self) -> None:
        """End the process and its children at once; finished parts stay. Harmless when nothing runs."""
        process = self._process()
        if process is None:
            return
        for child in [*process.children(recursive=True), process]:
            _signal(child, signal.SIGKILL)

    def wait(self, timeout: float) -> bool:
        """Wait until no process works on the directory; False after `timeout` seconds."""
        end = time.monotonic() + timeout
        while self.running:
            if time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _started(self) -> bool:
        """Whether the present process has written its start event."""
        record = self._record()
        return self._tally.started >= (record or {}).get("time", 0.0)

    def _process(self) -> psutil.Process | None:
        """The live process of ``job.json``; a reused process number is recognised by its start time."""
        child = _children.get(self.directory)
        if child is not None and child.poll() is not None:  # reaps it
            _children.pop(self.directory, None)
        record = self._record()
        if not record:
            return None
        try:
            process = psutil.Process(record["pid"])
            same = abs(process.create_time() - record["created"]) < 2.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    def _record(self) -> dict[str, Any]:
        """Content of ``job.json``; empty if there is none."""
        try:
            return json.loads((self.directory / "job.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def _write_record(self, pid: int, command: list[str], request: JobRequest) -> None:
        """Write ``job.json`` in one step, so that nobody reads half of it."""
        try:
            created = psutil.Process(pid).create_time()
        except psutil.Error:  # ended already; its log says why
            created = 0.0
        record = {
            "pid": pid,
            "created": created,
            "time": created or time.time(),
            "command": command,
            "request": asdict(request),
        }
        part = self.directory / "job.json.part"
        part.write_text(json.dumps(record, indent=1), "utf-8")
        part.replace(self.directory / "job.json")

    def _last_words(self) -> str:
        """The last line of the log that says something."""
        try:
            text = (self.directory / "job.log").read_bytes()[-4000:].decode("utf-8", "replace")
        except OSError:
            return "the process ended without a word"
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("{")]
        return lines[-1] if lines else "the process ended without a word"


def attach(directory: str | Path) -> Job:
    """The job of an existing run directory, running or not.

    Raises
    ------
    RunError
        If the directory does not exist.
    """
    path = Path(directory).expanduser().resolve()
    if not path.is_dir():
        raise RunError(str(path), "not a directory", "a run directory")
    return Job(path)


def failures_by_flag(counts: dict[int, int]) -> dict[str, int]:
    """Galaxies per flag name, most frequent first.

    Parameters
    ----------
    counts : dict
        Galaxies per value of the flags column.
    """
    by_name: dict[str, int] = {}
    for bits, number in counts.items():
        for name in flags.names(bits):
            by_name[name] = by_name.get(name, 0) + number
    return dict(sorted(by_name.items(), key=lambda item: -item[1]))


def _path(whose: str, text: str) -> Path:
    """An absolute path from what was typed."""
    if not text.strip():
        raise SettingsError(whose, "nothing given")
    return Path(text.strip()).expanduser().resolve()


def _file(whose: str, text: str) -> Path:
    """An absolute path of an existing file."""
    path = _path(whose, text)
    if not path.is_file():
        raise SettingsError(whose, f"{path} is not a file")
    return path


def _environment() -> dict[str, str]:
    """The child's environment: as ours, and able to import the galviewer that runs here."""
    environment = dict(os.environ)
    root = Path(__file__).resolve().parents[2]
    if root.name not in ("site-packages", "dist-packages"):
        paths = [str(root), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _memory(process: psutil.Process | None) -> float:
    """Resident memory of the process and its children, MB; 0 when unknown."""
    if process is None:
        return 0.0
    try:
        family = [process, *process.children(recursive=True)]
        return sum(member.memory_info().rss for member in family) / 1e6
    except psutil.Error:
        return 0.0


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal; a process that has ended meanwhile needs none."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
