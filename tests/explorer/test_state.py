"""The session's state, driven without any screen."""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import pytest

from galviewer.errors import ModelError
from galviewer.explorer.source import MemorySource
from galviewer.explorer.state import State
from galviewer.fit import FitSettings
from galviewer.model import Tie, template
from galviewer.survey import Galaxy

SETTINGS = FitSettings(device="cpu")


def _galaxy(name: str, seed: int, mag: float = 14.0) -> Galaxy:
    """A round exponential disk without PSF, with noise."""
    from galviewer.run.single import Workbench

    rng = np.random.default_rng(seed)
    sigma = np.full((48, 56), 0.05)
    blank = Galaxy.from_arrays(rng.normal(size=sigma.shape), sigma, zeropoint=22.0, name=name)
    model = template("sersic")
    truth = {"x": 27.0, "y": 23.5, "mag": mag, "r_eff": 5.0, "n": 1.0, "q": 0.7, "pa": 30.0, "boxiness": 0.0}
    drawn = Workbench(blank, model, SETTINGS).render(np.array([truth[p.name] for p in model.parameters]))[0]
    image = drawn + rng.normal(0, 0.05, drawn.shape)
    return Galaxy.from_arrays(image, sigma, zeropoint=22.0, name=name)


@pytest.fixture(scope="module")
def galaxies():
    return [_galaxy("a", 1), _galaxy("b", 2), _galaxy("c", 3)]


@pytest.fixture
def state(galaxies):
    made = State(MemorySource(galaxies), "sersic", SETTINGS)
    made.select("a")
    return made


def test_state_needs_no_panel():
    import subprocess
    import sys

    code = "import sys, galviewer.explorer.state; sys.exit('panel' in sys.modules or 'bokeh' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_first_look_is_measured_and_rendered(state):
    assert (state.name, state.result, state.undo_depth) == ("a", None, 0)
    assert state.scene.images.shape == (1, 48, 56)
    assert 0.8 < state.scene.chi2_nu < 2.0
    expected = (((state.galaxy.image - state.scene.total) / state.galaxy.sigma) ** 2).sum()
    assert state.scene.chi2 == pytest.approx(expected, rel=1e-4)


def test_moving_a_slider_renders_and_clips(state):
    before = state.scene.total
    state.set_value("sersic_mag", 15.0)
    assert state.scene.total.sum() < before.sum()
    state.set_value("sersic_q", 7.0)
    assert state.values[state.model.index("sersic_q")] == 1.0


def test_fit_improves_and_undo_goes_all_the_way_back(state):
    start = state.values
    state.remember()
    state.set_value("sersic_n", 3.0)
    worse = state.scene.chi2
    state.fit(wait=True)
    assert state.result.usable
    assert state.scene.chi2 < worse
    assert state.reference_chi2 == pytest.approx(worse)
    assert np.array_equal(state.values, state.result.parameters)
    assert state.results["a"] is state.result
    assert state.busy == ""
    assert state.undo_depth == 2
    state.undo()
    assert state.values[state.model.index("sersic_n")] == 3.0
    assert state.result is None
    state.undo()
    assert np.array_equal(state.values, start)
    state.undo()
    assert np.array_equal(state.values, start)


def test_a_fit_that_ends_after_another_folder_was_opened_is_dropped(state, monkeypatch):
    from galviewer.explorer import state as module

    waiting = []
    state.later = waiting.append
    other = MemorySource([_galaxy("a", 7), _galaxy("d", 8)])
    monkeypatch.setattr(module, "open_source", lambda path: other)
    state.fit()
    deadline = time.monotonic() + 60
    while not waiting and time.monotonic() < deadline:
        time.sleep(0.01)
    state.open("elsewhere")
    before = state.values
    waiting[0]()
    assert (state.name, state.busy, state.undo_depth) == ("a", "", 0)
    assert state.values is before
    assert state.results == {}


def test_undo_has_no_limit(state):
    for k in range(300):
        state.remember()
        state.set_value("sersic_mag", 14.0 + 0.001 * k)
    for _ in range(300):
        state.undo()
    assert state.undo_depth == 0


def test_work_stays_with_its_galaxy(state):
    state.remember()
    state.set_value("sersic_mag", 15.5)
    state.move(1)
    assert (state.name, state.undo_depth) == ("b", 0)
    assert state.values[2] != 15.5
    state.move(-1)
    assert state.values[2] == 15.5
    assert state.undo_depth == 1
    state.move(-5)
    assert state.name == "a"
    state.move(99)
    assert state.name == "c"


def test_the_model_goes_along_to_the_next_galaxy(state):
    state.add_component("flat_sky")
    state.set_fixed("sersic_n", True)
    held = state.values[state.model.index("sersic_n")]
    state.move(1)
    assert state.model.columns[-1] == "sky_level"
    assert state.values[state.model.index("sersic_n")] == held
    assert state.values[0] != pytest.approx(0)


def test_fixed_and_tied_parameters_stay_put_in_the_fit(state):
    state.set_fixed("sersic_n", True)
    state.add_component("sersic")
    state.set_tie("sersic2_x", Tie("sersic.x", 1.0, 2.0))
    state.set_value("sersic2_x", 30.0)  # moves what it is tied to
    assert state.values[state.model.index("sersic_x")] != state.values[state.model.index("sersic2_x")]
    held = state.values[state.model.index("sersic_n")]
    state.fit(wait=True)
    at = dict(zip(state.model.columns, state.values, strict=True))
    assert at["sersic_n"] == held
    assert at["sersic2_x"] == pytest.approx(at["sersic_x"] + 2.0)


def test_a_tied_slider_moves_its_leader_so_that_it_lands_there(state):
    state.add_component("sersic")
    state.set_tie("sersic2_x", Tie("sersic.x", 2.0, -1.0))
    state.set_value("sersic2_x", 49.0)
    at = dict(zip(state.model.columns, state.values, strict=True))
    assert at["sersic2_x"] == pytest.approx(49.0)
    assert at["sersic_x"] == pytest.approx(25.0)


def test_bad_edits_leave_everything_as_it_was(state):
    model, values, depth = state.model, state.values, state.undo_depth
    with pytest.raises(ModelError):
        state.set_bounds("sersic_n", 4.0, 1.0)
    with pytest.raises(ModelError):
        state.set_tie("sersic_x", Tie("sersic.x"))
    with pytest.raises(ModelError):
        state.remove_component("sersic")
    assert state.model is model
    assert state.values is values
    assert state.undo_depth == depth


def test_templates_and_measure(state):
    state.use_template("bulge+disk+sky")
    assert len(state.model.components) == 3
    assert state.scene.images.shape[0] == 3
    state.set_value("sky_level", 0.3)
    state.measure()
    assert state.values[-1] != 0.3
    state.undo()
    assert state.values[-1] == 0.3
    state.undo()
    assert [c.name for c in state.model.components] == ["sersic"]


def test_an_unreadable_galaxy_is_told_and_the_old_one_stays(state):
    assert not state.select("nowhere")
    assert state.name == "a"
    assert state.message[0] == "error"
    assert "nowhere" in state.message[1]


def test_a_failed_fit_is_told_and_changes_nothing(state, monkeypatch):
    from galviewer.explorer.rendering import LiveModel

    values = state.values

    def fail(self, starts):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(LiveModel, "fit", fail)
    state.fit(wait=True)
    assert state.message[0] == "error"
    assert "out of memory" in state.message[1]
    assert (state.values is values, state.busy) == (True, "")


def test_a_fit_that_ends_after_the_user_moved_on_waits_with_its_galaxy(state):
    done = threading.Event()
    waiting = []
    state.later = lambda action: (waiting.append(action), done.set())
    state.fit()
    assert state.busy == "Fitting a"
    state.select("b")
    assert done.wait(60)
    shown = state.values
    waiting[0]()
    assert state.values is shown
    assert state.results["a"].usable
    state.select("a")
    assert np.array_equal(state.values, state.results["a"].parameters)
    assert state.undo_depth == 1


def test_fit_of_nothing_does_nothing():
    empty = State(MemorySource([]), "sersic", SETTINGS)
    empty.fit()
    empty.undo()
    empty.move(1)
    assert empty.busy == ""


def test_two_states_share_nothing(galaxies):
    source = MemorySource(galaxies)
    one, two = (State(source, "sersic", SETTINGS) for _ in range(2))
    one.select("a")
    two.select("a")
    one.set_value("sersic_mag", 16.0)
    one.remember()
    assert two.values[2] != 16.0
    assert two.undo_depth == 0


def test_changes_from_two_threads_do_not_mix(state, monkeypatch):
    # A pause where a change has read the values but not written them back makes any mixing show.
    from galviewer.explorer import edits

    clipped = edits.clipped
    monkeypatch.setattr(
        edits, "clipped", lambda model, values: (time.sleep(0.002), clipped(model, values))[1]
    )
    lost = []

    def push(column: str) -> None:
        place = state.model.index(column)
        for k in range(30):
            state.set_value(column, 1.0 + k / 64)
            if state.values[place] != 1.0 + k / 64:
                lost.append((column, k))

    threads = [threading.Thread(target=push, args=(c,)) for c in ("sersic_mag", "sersic_n")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lost == []
    assert np.array_equal(state.scene.values, state.values)


def test_partial_rendering_equals_whole(galaxies):
    from galviewer.explorer.rendering import LiveModel

    model = template("bulge+disk+sky")
    galaxy = dataclasses.replace(galaxies[0])
    live = LiveModel(galaxy, model, SETTINGS)
    values = live.starts()
    live.render(values)
    for column, step in (("disk_mag", 0.3), ("sky_level", 0.01), ("bulge_n", 0.5)):
        values = values.copy()
        values[model.index(column)] += step
        partial = live.render(values)
        whole = LiveModel(galaxy, model, SETTINGS).render(values)
        # float32 pixels of two different batches: rounding only.
        assert np.abs(partial - whole).max() < 1e-5 * np.abs(whole).max()
