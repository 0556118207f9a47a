"""Each command as a user types it, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request

import pytest
from astropy.table import Table

from galviewer import run
from galviewer.cli import main


@pytest.fixture
def galviewer(root, tmp_path):
    """Run a command in an empty directory."""
    here = tmp_path / "here"
    here.mkdir()

    def call(*words, **more):
        environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "120"}
        command = [sys.executable, "-m", "galviewer", *map(str, words)]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=here,
            env=environment,
            timeout=120,
            check=False,
            **more,
        )

    return call


@pytest.fixture(scope="module")
def fitted(tmp_path_factory, root):
    """Six sample galaxies in a run directory."""
    from galviewer import model

    out = tmp_path_factory.mktemp("cli") / "run"
    folder = str(root / "sample_data")
    return run.execute(run.RunSettings(folder, str(out), model.load("sersic"), limit=6)).out


def test_fit_piped_is_quiet(galviewer, sample_folder, tmp_path):
    done = galviewer("fit", sample_folder, "--model", "sersic", "--out", tmp_path / "run", "--limit", "4")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    assert done.stdout.startswith("4 galaxies; 4 fitted now in ")
    assert run.open(tmp_path / "run").progress == (4, 4)
    again = galviewer("fit", "--resume", "--out", tmp_path / "run")
    assert again.returncode == 0
    assert again.stderr == ""
    assert "finished already, nothing left to do" in again.stdout


def test_fit_tells_what_it_skips(galviewer, sample_folder, tmp_path):
    done = galviewer("fit", sample_folder / "bad", "--model=sersic", f"--out={tmp_path / 'run'}")
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert any(line.startswith("truncated: skipped: ") and "complete FITS file" in line for line in lines)
    assert any("missing_image" in line for line in lines)
    assert "Traceback" not in done.stderr
    assert re.search(r"\d+ skipped", done.stdout)


def test_a_run_without_a_single_fit_is_no_success(galviewer, sample_folder, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    for file in (sample_folder / "bad").glob("truncated_*"):
        (folder / file.name).write_bytes(file.read_bytes())
    done = galviewer("fit", folder, "--model=sersic", f"--out={tmp_path / 'run'}")
    assert done.returncode == 1
    assert "no galaxy could be fitted; the first one: truncated_" in done.stderr


def test_fit_json_is_one_object_per_line(galviewer, sample_folder, tmp_path):
    done = galviewer(
        "fit", sample_folder, "--model=sersic", f"--out={tmp_path / 'run'}", "--limit=3", "--json"
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events if event["event"] != "problem"]
    assert kinds == ["start", *["galaxy"] * 3, "part", "end"]
    assert events[0]["total"] == events[-1]["done"] == 3


def test_settings_reach_the_run(galviewer, sample_folder, shared_psf, tmp_path):
    done = galviewer(
        "fit", sample_folder, "--model=sersic", f"--out={tmp_path / 'run'}", "--limit=1", "--zeropoint=30",
        "--pixel-scale=0.5", "--psf-kind=optical", "--gain=2", "--read-noise=3", "--sky=4", "--device=cpu",
        "--batch-size=2", "--threads=1", "--no-blocks", "--max-iterations=50", "--dtype=float64",
        f"--psf={shared_psf}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    settings = run.open(tmp_path / "run").settings
    survey = settings.survey
    assert (survey.zeropoint, survey.pixel_scale, survey.gain, survey.read_noise, survey.sky_level) == (
        30,
        0.5,
        2,
        3,
        4,
    )
    assert (settings.fit["psf_kind"], settings.fit["max_iterations"], settings.fit["dtype"]) == (
        "optical",
        50,
        "float64",
    )
    assert (settings.batch_size, settings.limit, settings.blocks) == (2, 1, False)
    row = next(iter(run.open(tmp_path / "run").rows().values()))
    assert (row["zeropoint"], row["pixel_scale"], row["psf_kind"]) == (30.0, 0.5, "optical")


@pytest.fixture
def shared_psf(sample_folder):
    return next(sample_folder.glob("*_psf.fits.gz"))


@pytest.mark.parametrize("fmt", ["fits", "parquet", "ecsv", "votable", "csv", "hdf5"])
def test_export_in_every_format(fmt, galviewer, fitted, tmp_path):
    file = tmp_path / "catalogue.out"
    done = galviewer("export", fitted, "--format", fmt, "--out", file)
    assert done.returncode == 0, done.stderr
    assert "6 galaxies" in done.stdout
    formats = {"ecsv": "ascii.ecsv", "csv": "ascii.csv", "hdf5": "hdf5"}
    options = {"hdf5": {"path": "catalogue"}, "fits": {"hdu": 1}}.get(fmt, {})
    table = Table.read(file, format=formats.get(fmt, fmt), **options)
    assert table.colnames[:4] == ["name", "sersic_x", "sersic_x_err", "sersic_x_init"]
    assert [str(name) for name in table["name"]] == list(run.open(fitted).names)
    if fmt != "csv":
        assert str(table["sersic_r_eff"].unit) in ("pix", "pixel")


def test_export_knows_the_format_by_the_suffix_and_replaces_only_when_told(galviewer, fitted, tmp_path):
    file = tmp_path / "c.ecsv"
    assert galviewer("export", fitted, "--out", file).returncode == 0
    again = galviewer("export", fitted, "--out", file)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert galviewer("export", fitted, "--out", file, "--force").returncode == 0


def test_check_tells_what_is_there(galviewer, sample_folder):
    done = galviewer("check", sample_folder)
    assert done.returncode == 0
    assert len([line for line in done.stdout.splitlines() if " px, sigma from file, PSF " in line]) == 24
    assert done.stdout.splitlines()[-1] == "24 galaxies, 24 usable"


def test_check_tells_what_is_wrong(galviewer, sample_folder):
    done = galviewer("check", sample_folder / "bad", "--quiet")
    assert done.returncode == 1
    assert "error: not_fits: " in done.stdout
    assert "repaired: nan_pixels: " in done.stdout
    assert "note: " not in done.stdout
    assert "healthy" not in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("fit", "nowhere", "--model=sersic", "--out=run"), "nowhere: is not there"),
        (("fit", ".", "--model=sersic", "--out=run"), ".: holds no galaxy"),
        (("fit", ".", "--model=spiral", "--out=run"), "model 'spiral': not found"),
        (("fit", ".", "--out=run"), "no --model given"),
        (("fit", "--model=sersic", "--out=run"), "no FOLDER given"),
        (("fit", "--resume", "--out=run"), "run: is no run directory"),
        (("fit", ".", "--model=sersic", "--out=run", "--limit=0"), "limit: is 0"),
        (("fit", ".", "--model=sersic", "--out=run", "--pixel-scale=-1"), "pixel_scale: is -1"),
        (("export", "nowhere", "--out=c.fits"), "nowhere: is no run directory"),
        (("check", "nowhere"), "nowhere: is not there"),
        (("explore", "nowhere"), "nowhere: does not exist"),
    ],
)
def test_errors_are_one_sentence(galviewer, words, sentence):
    done = galviewer(*words)
    assert done.returncode == 1
    assert done.stderr.startswith("galviewer: ")
    assert len(done.stderr.splitlines()) == 1
    assert sentence in done.stderr


def test_wrong_arguments_are_two(galviewer):
    assert galviewer("fit", ".", "--model=sersic").returncode == 2
    assert galviewer("paint").returncode == 2
    assert galviewer().returncode == 2


def test_unexpected_errors_have_no_traceback_unless_asked(monkeypatch, capsys, tmp_path):
    from galviewer.cli import looking

    def planted(_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(looking, "check", planted)
    monkeypatch.delenv("GALVIEWER_DEBUG", raising=False)
    assert main(["check", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("galviewer: ZeroDivisionError: planted; this should not happen")
    monkeypatch.setenv("GALVIEWER_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["check", str(tmp_path)])


def test_a_reader_that_leaves_is_no_error(root, sample_folder):
    command = f"{sys.executable} -m galviewer check {sample_folder} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, cwd=root, check=False
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_demo_fits_shows_and_serves(galviewer, tmp_path):
    """In a directory of its own; the explorer answers before the command ends."""
    done = galviewer("demo", "--exit", "--no-browser", "--port=0")
    assert done.returncode == 0, done.stderr
    assert "sersic+sky fits" in done.stdout
    assert re.search(r"gv01 .*\d+\.\d+ ± 0\.\d+", done.stdout)
    assert f"run directory: {tmp_path / 'here' / 'galviewer_demo'}" in done.stdout
    assert re.search(r"explorer: http://localhost:\d+/", done.stdout)
    again = galviewer("demo", "--exit", "--no-browser", "--port=0", "--model=sersic")
    assert again.returncode == 0
    assert "using a temporary directory instead" in again.stderr


def test_explore_serves_a_run(root, fitted):
    command = [sys.executable, "-m", "galviewer", "explore", fitted, "--no-browser", "--port=0"]
    child = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    try:
        line = child.stdout.readline()
        url = re.search(r"http://\S+", line)
        assert url, line + child.stderr.read()
        with urllib.request.urlopen(url.group(), timeout=30) as page:
            assert page.status == 200
            assert "galviewer" in page.read().decode()
    finally:
        child.send_signal(2)
        _, problems = child.communicate(timeout=30)
    assert child.returncode == 0, problems


def test_a_taken_port_is_told(galviewer, fitted):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = galviewer("explore", fitted, "--no-browser", f"--port={taken.getsockname()[1]}")
    assert done.returncode == 1
    assert "is taken" in done.stderr


def test_progress_on_a_terminal(root, sample_folder, tmp_path):
    """With a terminal there is a bar with rate and time left."""
    pty = pytest.importorskip("pty")
    command = [sys.executable, "-m", "galviewer", "fit", str(sample_folder), "--model=sersic", "--limit=6"]
    command.append(f"--out={tmp_path / 'run'}")
    master, slave = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(root), "TERM": "xterm", "COLUMNS": "120"}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=slave, env=environment)
    os.close(slave)
    shown = b""
    try:
        while chunk := os.read(master, 4096):
            shown += chunk
    except OSError:  # how a terminal says that the other end is closed
        pass
    os.close(master)
    child.communicate(timeout=60)
    assert child.returncode == 0
    text = shown.decode()
    assert "sersic on cpu" in text
    assert "6/6" in text
    assert "left" in text


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert all(command in text for command in ("demo", "check", "fit", "export", "explore"))
    for command in ("demo", "check", "fit", "export", "explore"):
        with pytest.raises(SystemExit):
            main([command, "--help"])


def test_every_public_name_can_be_had():
    import galviewer

    for name in galviewer.__all__:
        assert getattr(galviewer, name) is not None
        assert name in dir(galviewer)
        assert name in galviewer.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = galviewer.nothing
