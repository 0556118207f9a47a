"""The page's parts without a browser: what they send, what they do with messages."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from bokeh.document import Document

from galviewer.explorer import explore
from galviewer.explorer.component import STATIC, static
from galviewer.explorer.views.images import outline
from galviewer.fit import FitSettings
from galviewer.survey import Galaxy

SETTINGS = FitSettings(device="cpu")


def _galaxy(name: str, rng: np.random.Generator) -> Galaxy:
    y, x = np.mgrid[:40, :44]
    light = 30 * np.exp(-np.hypot((x - 21) / 1.5, y - 19) / 4.0)
    return Galaxy.from_arrays(
        light + rng.normal(0, 0.2, light.shape), np.full(light.shape, 0.2), name=name, zeropoint=25.0
    )


@pytest.fixture
def explorer(rng):
    made = explore([_galaxy("one", rng), _galaxy("two", rng)], "sersic", settings=SETTINGS)
    document = Document()
    document.add_root(made.layout(whole_window=True).get_root(document))
    made.document = document
    return made


@pytest.fixture
def sent(explorer, monkeypatch):
    """Collect what the cards send to the browser."""
    messages = []
    monkeypatch.setattr(explorer._parts["cards"].view, "_send_msg", messages.append)
    return messages


def _say(explorer, part, **message):
    explorer._parts[part].view._handle_msg(message)


def test_nothing_is_rebuilt_while_a_slider_moves(explorer, sent):
    images, profile = explorer._parts["images"], explorer._parts["profile"]
    models = set(explorer.document.models)
    cards = explorer._parts["cards"].view.components
    axis = (profile.figure.y_range.start, profile.figure.y_range.end)
    before = images.rendered.data["model"][0]
    _say(explorer, "cards", type="set", column="sersic_r_eff", value=6.0, number=7)
    after = images.rendered.data["model"][0]
    assert after.dtype == np.float32
    assert not np.array_equal(before, after)
    assert np.array_equal(after, explorer.state.scene.total)
    assert len(profile.total.data["r"]) == len(explorer.state.scene.annuli.radius)
    assert set(explorer.document.models) == models
    assert explorer._parts["cards"].view.components is cards
    _say(explorer, "cards", type="set", column="sersic_mag", value=explorer.parameters[2] - 2, number=8)
    assert (profile.figure.y_range.start, profile.figure.y_range.end) == axis
    assert {"answer": 7} in sent
    values = next(m["values"] for m in sent if "values" in m)
    assert next(v for v in values if v[0] == "sersic_r_eff")[1] == 6.0
    assert len(explorer.state.timings) == 2


def test_every_message_is_answered_even_if_it_is_nonsense(explorer, sent):
    values = explorer.state.values
    for column, value in (
        ("no_such", 1.0),
        ("sersic_n", "nan"),
        ("sersic_n", "abc"),
        ("sersic_n", float("inf")),
    ):
        _say(explorer, "cards", type="set", column=column, value=value, number=3)
        assert {"answer": 3} in sent
        sent.clear()
    assert explorer.state.values is values
    _say(explorer, "cards", type="no such thing")
    explorer._parts["cards"].view._handle_msg("text")


def test_what_the_browser_gets_is_json(explorer):
    json.dumps(explorer._parts["cards"].view.components, allow_nan=False)
    json.dumps(explorer._parts["cards"].view.score, allow_nan=False)
    json.dumps(explorer._parts["images"].view.meta, allow_nan=False)


def test_cards_come_from_the_models_own_declarations(explorer):
    _say(explorer, "cards", type="add", profile="moffat")
    described = explorer._parts["cards"].view.components
    assert [c["name"] for c in described] == ["sersic", "moffat"]
    assert [p["name"] for p in described[1]["parameters"]][:5] == ["x", "y", "mag", "fwhm", "beta"]
    assert all(p["meaning"] for c in described for p in c["parameters"])


def test_a_users_profile_gets_its_card(explorer):
    from galviewer import profiles

    if "testring" not in profiles.names():
        width = profiles.ProfileParameter("r_eff", "pixel", 5.0, 0.1, 100.0, "radius", "log")
        profiles.register(
            profiles.Profile(
                "testring", "Test ring", shape=(width,), brightness=lambda r, w: (-((r / w) ** 2)).exp()
            )
        )
    _say(explorer, "cards", type="add", profile="testring")
    assert explorer._parts["cards"].view.components[-1]["title"] == "Test ring"
    assert np.isfinite(explorer.state.scene.total).all()


def test_fix_tie_bounds_undo_by_message(explorer):
    _say(explorer, "cards", type="fix", column="sersic_n", on=True)
    assert explorer.model.parameters[explorer.model.index("sersic_n")].fixed
    _say(explorer, "cards", type="add", profile="exponential")
    _say(explorer, "cards", type="tie", column="disk_x", to="sersic.x", factor=1, offset=0)
    described = explorer._parts["cards"].view.components[1]["parameters"][0]
    assert described["tie"] == {"to": "sersic.x", "factor": 1.0, "offset": 0.0}
    _say(explorer, "cards", type="bounds", column="disk_r_eff", lower=1.0, upper=None)
    assert explorer.model.component("disk").parameter("r_eff").lower == 1.0
    for _ in range(4):
        _say(explorer, "cards", type="undo")
    assert len(explorer.model.components) == 1
    assert not explorer.model.parameters[explorer.model.index("sersic_n")].fixed


def test_what_is_wrong_is_said_on_the_status_line(explorer):
    _say(explorer, "cards", type="bounds", column="sersic_n", lower=5.0, upper=1.0)
    assert explorer.state.message[0] == "error"
    assert explorer._parts["status"].view.message[0] == "error"
    _say(explorer, "cards", type="remove", component="sersic")
    assert "one or more" in explorer.state.message[1]


def test_next_galaxy_fills_everything_anew(explorer):
    images = explorer._parts["images"]
    first = images.pixels.data["image"][0]
    explorer.layout()._handle_msg({"type": "move", "steps": 1})
    assert explorer.state.name == "two"
    assert explorer._parts["topbar" if "topbar" in explorer._parts else "top"].view.position == 2
    assert not np.array_equal(images.pixels.data["image"][0], first)
    assert explorer._parts["queue"].view.current == "two"
    assert images.pixels.data["mask"][0].dtype == np.uint8


def test_display_settings_go_both_ways(explorer):
    panels = explorer._parts["images"].view
    panels.stretch = "log"
    assert explorer.state.stretch == "log"
    explorer.state.residual_mode = "relative"
    assert panels.residual_mode == "relative"
    explorer.state.show_mask = False
    assert not any(renderer.visible for renderer in explorer._parts["images"]._masks)


def test_fit_marks_the_queue_and_sends_one_row(explorer, monkeypatch):
    messages = []
    queue = explorer._parts["queue"].view
    monkeypatch.setattr(queue, "_send_msg", messages.append)
    explorer.state.fit(wait=True)
    assert [k for k, _ in messages[-1]["changed"]] == [0]
    assert queue.rows[0][2] in ("good", "flagged")
    assert queue.rows[1][2] == "new"
    errors = [p["error"] for p in explorer._parts["cards"].view.components[0]["parameters"]]
    assert any(e is not None and e > 0 for e in errors)
    assert explorer.result is explorer.state.result


def test_hostile_names_stay_text(rng):
    name = "<img src=x onerror=alert(1)>"
    made = explore([_galaxy(name, rng)], settings=SETTINGS)
    made.layout()
    assert made._parts["queue"].view.rows[0][0] == name
    # Text reaches the page through text nodes only: no script of ours writes HTML.
    for file in STATIC.glob("*.js"):
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", file.read_text("utf-8")
        ), file


def test_images_from_arrays(rng):
    galaxy = _galaxy("x", rng)
    made = explore(galaxy.image, sigma=galaxy.sigma, name="array", zeropoint=24.0, settings=SETTINGS)
    assert (made.state.name, made.state.galaxy.zeropoint) == ("array", 24.0)
    assert made.parameters.shape == (len(made.model.columns),)


def test_an_empty_folder_still_opens(tmp_path):
    made = explore(tmp_path, settings=SETTINGS)
    document = Document()
    document.add_root(made.layout().get_root(document))
    assert made._parts["top"].view.count == 0
    made._parts["cards"].view._handle_msg({"type": "fit"})


@pytest.mark.parametrize("boxiness", [-0.5, 0.0, 1.0])
def test_outlines_pass_through_the_axes_ends(boxiness):
    xs, ys = outline(10.0, 20.0, 8.0, 0.5, 90.0, boxiness)
    assert np.nanmin(xs) == pytest.approx(2.0, abs=1e-9)
    assert np.nanmax(xs) == pytest.approx(18.0, abs=1e-9)
    assert np.nanmax(ys) == pytest.approx(24.0, abs=1e-6)


def test_copied_python_reproduces_the_values(explorer):
    from galviewer.explorer.script import as_python

    text = as_python(explorer.state)
    compile(text, "copied", "exec")
    assert "sersic_r_eff" in text


def test_static_files_are_there():
    assert "function busOf" in static("shared.js")
    assert "--gv-accent" in static("page.css")


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.7", ""])
def test_listening_beyond_this_machine_needs_a_password(tmp_path, address):
    from galviewer.errors import SettingsError
    from galviewer.explorer import serve

    with pytest.raises(SettingsError, match="password"):
        serve(tmp_path, address=address, open_browser=False)
