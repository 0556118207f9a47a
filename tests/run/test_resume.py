"""Runs that are killed, stopped, disturbed or continued wrongly. The processes are real ones."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from astropy.io import fits

from galviewer import model, run
from galviewer.errors import RunError
from galviewer.products import files, tables


@pytest.fixture(scope="module")
def undisturbed(many_galaxies, tmp_path_factory):
    """A run of the many galaxies that nobody disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    run.execute(run.RunSettings(str(many_galaxies), str(out), model.load("sersic"), threads=1))
    return out


def test_kill_9_then_resume_ends_with_the_same_catalogue(
    many_galaxies, undisturbed, start_child, wait_for, same_catalogue, tmp_path
):
    out = tmp_path / "run"
    for kills in (1, 2):
        child = start_child(many_galaxies, "--model=sersic", f"--out={out}")
        event = wait_for(child, "part")
        os.kill(child.pid, signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        assert event["done"] < event["total"]
        view = run.open(out)
        assert view.state == "killed"
        done, total = view.progress
        assert kills <= done < total == 48
    (out / "catalogue" / ".part-00009.parquet.1.partial.parquet").write_bytes(b"half")
    with (out / "events.jsonl").open("ab") as file:
        file.write(b'{"event": "gal')  # the kill cut a line
    before = {path: path.stat().st_mtime_ns for path in view.parts()}
    child = start_child(f"--out={out}", "--resume")
    start = wait_for(child, "start")
    assert (start["resumed"], start["done"]) == (True, done)
    end = wait_for(child, "end")
    assert child.wait() == 0
    assert end["done"] == 48
    same_catalogue(out, undisturbed)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())  # finished parts stay
    assert not list(out.rglob("*.partial*"))
    assert run.open(out).state == "finished"
    assert len(list((out / "blocks").iterdir())) == 48
    events = run.open(out).events()
    assert len([event for event in events if event["event"] == "start"]) == 3  # none glued to the cut line
    assert {event["name"] for event in events if event["event"] == "galaxy"} == set(run.open(out).names)


def test_ctrl_c_keeps_what_is_done(
    many_galaxies, undisturbed, start_child, wait_for, same_catalogue, tmp_path
):
    out = tmp_path / "run"
    child = start_child(many_galaxies, "--model=sersic", f"--out={out}")
    wait_for(child, "part")
    child.send_signal(signal.SIGINT)
    event = wait_for(child, "cancel")
    assert child.wait() == 130
    assert 0 < event["done"] < 48
    view = run.open(out)
    assert (view.state, view.progress) == ("cancelled", (event["done"], 48))
    assert len(view.catalogue()) == event["done"]
    child = start_child(many_galaxies, "--model=sersic", f"--out={out}")  # the same command goes on
    assert wait_for(child, "start")["done"] == event["done"]
    wait_for(child, "end")
    assert child.wait() == 0
    same_catalogue(out, undisturbed)


def test_a_file_named_cancel_stops_the_run(many_galaxies, start_child, wait_for, tmp_path):
    out = tmp_path / "run"
    out.mkdir()
    (out / "cancel").touch()  # left over from an earlier time: not meant for this run
    child = start_child(many_galaxies, "--model=sersic", f"--out={out}")
    wait_for(child, "part")
    (out / "cancel").touch()
    event = wait_for(child, "cancel")
    assert child.wait() == 130
    assert event["done"] < 48
    assert not (out / "cancel").exists()


def test_two_writers_cannot_share_a_directory(many_galaxies, start_child, wait_for, tmp_path):
    out = tmp_path / "run"
    first = start_child(many_galaxies, "--model=sersic", f"--out={out}")
    wait_for(first, "start")
    assert run.open(out).state == "running"
    first.send_signal(signal.SIGSTOP)  # or it would be done before the second one has started
    second = start_child(many_galaxies, "--model=sersic", f"--out={out}")
    _, problem = second.communicate(timeout=60)
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 1
    assert "is being written by another process" in problem
    assert str(first.pid) in problem
    assert "Traceback" not in problem
    wait_for(first, "end")
    assert first.wait() == 0


def test_stop_from_the_same_process(settings):
    """A caller with its own thread asks to stop after the first part."""
    stop = run.Stop(run.RunDirectory(settings().out).cancel)
    wanted = settings()

    def on_event(event):
        if event["event"] == "part":
            stop.request()

    ended = []
    worker = threading.Thread(target=lambda: ended.append(run.execute(wanted, on_event, stop)))
    worker.start()
    worker.join(60)
    assert ended[0].cancelled or ended[0].done == 8
    assert run.execute(wanted).done == 8


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": model.load("sersic+sky")}, "the model"),
        ({"fit": {"psf_kind": "optical"}}, "psf_kind (was effective, now optical)"),
        ({"limit": 3}, "limit (was not set, now 3)"),
        ({"blocks": False}, "blocks"),
    ],
)
def test_another_run_in_the_directory_is_refused(settings, changes, words):
    run.execute(settings())
    with pytest.raises(RunError) as caught:
        run.execute(settings(**changes))
    assert "holds a run with other settings" in str(caught.value)
    assert words in str(caught.value)


def test_survey_settings_count_as_well(settings):
    run.execute(settings())
    wanted = settings()
    changed = dataclasses.replace(wanted, survey=dataclasses.replace(wanted.survey, zeropoint=22.5))
    with pytest.raises(RunError, match=r"zeropoint \(was not set, now 22.5\)"):
        run.execute(changed)


def test_device_and_threads_may_change(settings):
    run.execute(settings())
    assert run.execute(settings(device="cpu", threads=2)).fitted == 0


def test_changed_new_and_missing_inputs_are_refused(settings, galaxies, add_galaxy):
    run.execute(settings())
    data = (galaxies / "g001_image.fits").read_bytes()
    with fits.open(galaxies / "g001_image.fits", mode="update") as hdus:
        hdus[0].data[3, 3] += 1.0
    with pytest.raises(RunError, match="the files of g001 changed since it began"):
        run.execute(settings())
    (galaxies / "g001_image.fits").write_bytes(data)
    assert run.execute(settings()).fitted == 0
    add_galaxy(galaxies, "late", 1)
    with pytest.raises(RunError, match="late came into the folder"):
        run.execute(settings())
    for path in galaxies.glob("late_*"):
        path.unlink()
    psf = (galaxies / "psf.fits").read_bytes()
    (galaxies / "psf.fits").write_bytes(psf.replace(b"\x3c", b"\x3d"))
    with pytest.raises(RunError, match=r"g000, g001, g002 and 5 more changed"):
        run.execute(settings())
    (galaxies / "psf.fits").write_bytes(psf)
    (galaxies / "g007_image.fits").unlink()
    (galaxies / "g007_sigma.fits").unlink()
    with pytest.raises(RunError, match="g007 of its galaxies are gone"):
        run.execute(settings())


def test_a_moved_folder_is_still_the_same(settings, galaxies, tmp_path):
    run.execute(settings())
    galaxies.rename(tmp_path / "moved")
    assert run.resume(settings().out, folder=str(tmp_path / "moved")).done == 8


def test_a_spoiled_part_is_fitted_again(settings, same_catalogue):
    whole = run.execute(settings("whole")).out
    out = run.execute(settings()).out
    run.open(out).parts()[1].write_bytes(b"")
    again = run.execute(settings())
    assert 0 < again.fitted < 8
    same_catalogue(out, whole)


def test_a_full_disk_ends_the_run_with_one_sentence(settings, monkeypatch):
    write = tables.write_part
    left = [1]

    def write_part(rows, infos, path):
        if not left[0]:
            raise files.unwritable(path, OSError(28, "No space left on device"))
        left[0] -= 1
        write(rows, infos, path)

    monkeypatch.setattr(tables, "write_part", write_part)
    with pytest.raises(RunError, match="the disk is full"):
        run.execute(settings())
    monkeypatch.undo()
    view = run.open(settings().out)
    assert view.progress[0] == 4
    assert view.events()[-1]["event"] == "error"
    assert view.state == "killed"
    assert run.execute(settings()).done == 8


def test_places_that_cannot_be_written(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="is a file"):
        run.execute(settings("file"))
    with pytest.raises(RunError, match="lies in no folder"):
        run.execute(settings("file/run"))
    (tmp_path / "other" / "catalogue").mkdir(parents=True)
    (tmp_path / "other" / "catalogue" / "part-00000.parquet").write_text("")
    with pytest.raises(RunError, match=r"holds a catalogue but no run.toml"):
        run.execute(settings("other"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_place(settings, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(RunError, match="may not be written"):
        run.execute(settings("locked/run"))


def test_order_and_neighbours_do_not_matter(settings, galaxies, tmp_path):
    """A galaxy's row is the same whatever else is in the folder."""
    whole = run.open(run.execute(settings()).out).rows()
    few = run.open(run.execute(settings("few", limit=2)).out).rows()
    for name, row in few.items():
        for column, value in row.items():
            if isinstance(value, float) and column not in ("seconds",):
                np.testing.assert_allclose(value, whole[name][column], rtol=1e-4, atol=1e-6, err_msg=column)


def test_a_reader_never_blocks_a_writer(settings):
    """Asking for the state takes the lock for a moment only."""
    out = run.execute(settings()).out
    probe = "import sys; from galviewer import run; [run.open(sys.argv[1]).state for _ in range(300)]"
    child = subprocess.Popen([sys.executable, "-c", probe, out], env=os.environ | {"PYTHONPATH": os.getcwd()})
    try:
        for _ in range(5):
            run.execute(settings())
    finally:
        child.wait(60)
    assert child.returncode == 0


def test_a_second_ctrl_c_ends_at_once(many_galaxies, start_child, wait_for, tmp_path):
    out = tmp_path / "run"
    child = start_child(many_galaxies, "--model=sersic", f"--out={out}")
    wait_for(child, "part")
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGINT)
    event = wait_for(child, "cancel")
    _, problem = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "Traceback" not in problem
    assert run.open(out).progress == (event["done"], 48)
    assert run.open(out).state == "cancelled"
