"""The batch job without a screen: a stand-in for `galviewer fit` writes the same events."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from galviewer.errors import RunError, SettingsError
from galviewer.explorer import jobs
from galviewer.explorer.progress import EventTail, Tally

STAND_IN = """
import json, os, pathlib, signal, sys, time
out, total, pause = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
stop = []
signal.signal(signal.SIGINT, lambda *_: stop.append(1))
path = out / "events.jsonl"
lines = path.read_text().splitlines() if path.exists() else []
seen = [line for line in lines if '"galaxy"' in line]
def say(**event):
    with path.open("a") as f:
        f.write(json.dumps({"time": time.time(), **event}) + "\\n")
say(event="start", total=total, done=len(seen))
for i in range(len(seen), total):
    if stop:
        say(event="cancel"); sys.exit(130)
    time.sleep(pause)
    if i == 2:
        say(event="skip", name="g2", reason="g2: no image"); say(event="galaxy", name="g2", flags=2048)
    else:
        say(event="galaxy", name=f"g{i}", flags=64 if i == 1 else 0)
say(event="part", n=total)
say(event="end")
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A request whose command is the stand-in; returns a function (total, pause) -> request."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)

    def request(total, pause):
        def command(self):
            return [sys.executable, str(script), self.out, str(total), str(pause)]

        monkeypatch.setattr(jobs.JobRequest, "command", command)
        return jobs.JobRequest(folder=str(tmp_path), model="sersic", out=str(tmp_path / "run"))

    return request


def until(job, condition, seconds=20.0):
    """Wait for a condition on the progress; returns the progress that met it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress = job.progress()
        if condition(progress):
            return progress
        time.sleep(0.02)
    raise AssertionError(f"not reached, last: {progress}")


def test_run_to_the_end_counts_failures_and_skips(stand_in, tmp_path):
    job = jobs.Job(tmp_path / "run")
    assert job.progress().phase == "new"
    job.start(stand_in(5, 0.0))
    assert job.wait(20)
    progress = job.progress()
    assert progress.phase == "finished"
    assert (progress.total, progress.done, progress.failed, progress.skipped) == (5, 5, 1, 1)
    assert progress.reasons == {"g2": "g2: no image"}
    assert jobs.failures_by_flag(progress.flags) == {"failed": 1, "skipped": 1}


def test_cancel_keeps_what_is_done_and_resume_goes_on(stand_in, tmp_path):
    job = jobs.Job(tmp_path / "run")
    job.start(stand_in(400, 0.02))
    until(job, lambda p: p.done >= 3)
    with pytest.raises(RunError):
        job.start(stand_in(400, 0.02))
    job.cancel()
    assert job.wait(20)
    cancelled = job.progress()
    assert cancelled.phase == "cancelled"
    assert 3 <= cancelled.done < 400
    stand_in(cancelled.done + 2, 0.0)
    job.resume()
    assert not (tmp_path / "run" / "cancel").exists()
    assert job.wait(20)
    assert job.progress().phase == "finished"
    assert job.progress().done == cancelled.done + 2


def test_another_page_sees_the_same_run_and_can_cancel_it(stand_in, tmp_path):
    job = jobs.Job(tmp_path / "run")
    job.start(stand_in(400, 0.02))
    first = until(job, lambda p: p.done >= 2)
    other = jobs.attach(tmp_path / "run")
    assert other.running
    assert other.progress().done >= first.done
    assert other.request is not None
    assert other.request.folder == str(tmp_path)
    other.cancel()
    assert job.wait(20)
    assert other.progress().phase == "cancelled"


def test_run_survives_the_end_of_the_server_and_of_its_terminal(stand_in, tmp_path):
    stand_in(60, 0.05)
    script = f"""
import sys, time
from galviewer.explorer import jobs
command = [sys.executable, {str(tmp_path / "stand_in.py")!r}, {str(tmp_path / "run")!r}, "60", "0.05"]
jobs.JobRequest.command = lambda self: command
jobs.Job(jobs.Path({str(tmp_path / "run")!r})).start(
    jobs.JobRequest(folder={str(tmp_path)!r}, model="sersic", out={str(tmp_path / "run")!r}))
time.sleep(60)
"""
    server = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    job = jobs.Job(tmp_path / "run")
    until(job, lambda p: p.done >= 1)
    os.killpg(server.pid, signal.SIGKILL)  # as a terminal that is closed: the whole group
    server.wait(20)
    assert job.running
    assert job.wait(20)
    assert job.progress().phase == "finished"
    assert job.progress().done == 60


def test_killed_process_is_a_failure_that_can_be_resumed(stand_in, tmp_path):
    job = jobs.Job(tmp_path / "run")
    job.start(stand_in(1000, 0.02))
    until(job, lambda p: p.done >= 2)
    job.kill()
    assert job.wait(20)
    killed = job.progress()
    assert killed.phase == "failed"
    assert killed.message
    stand_in(killed.done, 0.0)
    job.resume()
    assert job.wait(20)
    assert job.progress().phase == "finished"


def test_crash_at_the_start_reports_the_last_line_of_the_log(tmp_path, monkeypatch):
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    monkeypatch.setattr(jobs.JobRequest, "command", lambda self: command)
    job = jobs.Job(tmp_path / "run")
    job.start(jobs.JobRequest(folder=str(tmp_path), model="sersic", out=str(tmp_path / "run")))
    assert job.wait(20)
    progress = job.progress()
    assert (progress.phase, progress.message) == ("failed", "no such model")


def test_reused_process_number_is_not_taken_for_the_run(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "job.json").write_text(json.dumps({"pid": os.getpid(), "created": 1.0, "time": 1.0}))
    job = jobs.attach(run)
    assert not job.running
    job.cancel()  # must not hit this process
    job.kill()
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_command_keeps_odd_values_as_values():
    request = jobs.JobRequest("/data/-x y", "sersic", "/out", psf="--help", zeropoint=-2.5)
    words = request.command()
    assert words[3:5] == ["fit", "/data/-x y"]
    assert "--psf=--help" in words
    assert "--zeropoint=-2.5" in words
    assert "--pixel-scale=None" not in words


@pytest.mark.parametrize(
    ("change", "whose"),
    [
        ({"folder": ""}, "folder"),
        ({"folder": "/nowhere/at/all"}, "folder"),
        ({"out": ""}, "run directory"),
        ({"psf": "/nowhere.fits"}, "PSF"),
        ({"model": "/nowhere.toml"}, "model"),
        ({"model": ""}, "model"),
        ({"psf_kind": "round"}, "PSF kind"),
    ],
)
def test_wrong_requests_are_refused_before_the_start(tmp_path, change, whose):
    good = {"folder": str(tmp_path), "model": "sersic", "out": str(tmp_path / "run")}
    with pytest.raises(SettingsError) as caught:
        jobs.JobRequest(**{**good, **change}).resolved()
    assert caught.value.whose == whose


def test_tail_reads_each_complete_line_once(tmp_path):
    path = tmp_path / "events.jsonl"
    tail = EventTail(path)
    assert tail.read() == []
    path.write_bytes(b'{"event":"start"}\n{"event":"gal')
    assert tail.read() == [{"event": "start"}]
    with path.open("ab") as file:
        file.write(b'axy"}\nnot json\n[1]\n{"event":"end"}\n')
    assert tail.read() == [{"event": "galaxy"}, {"event": "end"}]
    assert tail.read() == []
    path.write_bytes(b'{"event":"new"}\n')
    assert tail.read() == [{"event": "new"}]


def test_a_galaxy_fitted_twice_counts_once_and_the_rate_starts_anew():
    tally = Tally()
    now = time.time()
    for event in (
        {"event": "start", "time": now - 1000, "total": 10},
        {"event": "galaxy", "time": now - 990, "name": "a", "flags": 64},
        {"event": "start", "time": now - 10, "total": 10},
        {"event": "galaxy", "time": now - 5, "name": "a", "flags": 0},
        {"event": "galaxy", "time": now - 1, "name": "b", "flags": 2},
        {"event": "weather", "time": now},
    ):
        tally.add(event)
    progress = tally.progress("running")
    assert (progress.total, progress.done, progress.failed) == (10, 2, 0)
    assert progress.rate == pytest.approx(0.2, rel=0.05)
    assert progress.seconds_left == pytest.approx(40, rel=0.05)
    assert progress.flags == {0: 1, 2: 1}
