"""The text of docs/own-profiles.md, run: its file of profiles, a fit from the command line, the explorer."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from astropy.io import fits
from bokeh.document import Document

from galviewer import model, profiles, run
from galviewer.errors import ModelError
from galviewer.explorer import explore
from galviewer.fit import FitSettings
from galviewer.model import Component, Model
from galviewer.profiles import Profile, ProfileParameter, register
from galviewer.render import Renderer
from galviewer.survey import Galaxy

OWN = ("flat_bar", "slab", "flared_disk", "my_sky")
LENGTH = ProfileParameter("length", "pixel", 3.0, 0.1, 100.0, "a length", "log")
TRUTH = {
    "x": 19.6,
    "y": 18.7,
    "mag": 18.0,
    "r_bar": 7.0,
    "sharpness": 3.5,
    "q": 0.4,
    "pa": 35.0,
    "boxiness": 0.0,
    "level": 2.0,
    "k_x": 0.03,
    "k_y": -0.02,
}


def _blocks(root, language):
    text = (root / "docs" / "own-profiles.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def root(request):
    return request.config.rootpath


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    """The page's files as a user would write them."""
    made = tmp_path_factory.mktemp("own")
    *declarations, use = _blocks(root, "python")
    (made / "my_profiles.py").write_text("\n\n".join(declarations), encoding="utf-8")
    (made / "use.py").write_text(use, encoding="utf-8")
    (made / "barred.toml").write_text(_blocks(root, "toml")[0], encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def known(folder):
    """The page's profiles registered."""
    profiles.load_user_profiles(folder / "my_profiles.py")
    return profiles.names()


def _image(description, values, zeropoint=25.0):
    renderer = Renderer(description, (40, 42), zeropoint=torch.tensor([zeropoint]), dtype=torch.float64)
    row = torch.tensor([[values[p.name] for p in description.parameters]], dtype=torch.float64)
    return renderer.image(row)[0].numpy()


@pytest.fixture(scope="module")
def survey(folder, known):
    """Two simulated galaxies."""
    data = folder / "FOLDER"
    data.mkdir()
    rng = np.random.default_rng(3)
    barred = model.load(folder / "barred.toml")
    for k in range(2):
        image = _image(barred, TRUTH) + rng.normal(0, 0.3, (40, 42))
        fits.writeto(data / f"g{k}_image.fits", image.astype("f4"), fits.Header({"MAGZERO": 25.0}))
        fits.writeto(data / f"g{k}_sigma.fits", np.full((40, 42), 0.3, "f4"))
    return data


def test_the_page_fits_from_the_command_line(folder, survey, root):
    command = next(
        line for line in "".join(_blocks(root, "sh")).splitlines() if line.startswith("galviewer fit")
    )
    words = [sys.executable, "-m", *command.split(), "--zeropoint", "25"]
    found = subprocess.run(
        words,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    for row in run.open(folder / "RUN").rows().values():
        for name in ("r_bar", "sharpness", "q", "pa", "mag"):
            error = max(row[f"bar_{name}_err"], 1e-3)
            assert abs(row[f"bar_{name}"] - TRUTH[name]) < 5 * error
        for name in ("level", "k_x", "k_y"):
            assert abs(row[f"sky_{name}"] - TRUTH[name]) < 5 * row[f"sky_{name}_err"]


def test_the_page_in_python(folder, known, monkeypatch):
    assert set(OWN) <= set(known)
    monkeypatch.chdir(folder)
    names = {}
    exec(compile((folder / "use.py").read_text(encoding="utf-8"), "use.py", "exec"), names)
    assert names["barred"].columns == model.load("barred.toml").columns
    assert profiles.get("flat_bar", ("bending2",)).parameter_names[-1] == "b2"


def test_the_pages_sky_is_the_tilted_sky(known):
    names = {"level": "level", "k_x": "slope_x", "k_y": "slope_y"}
    own = _image(Model((Component("sky", "my_sky"),)), TRUTH)
    shipped = _image(Model((Component("sky", "tilted_sky"),)), {b: TRUTH[a] for a, b in names.items()})
    np.testing.assert_array_equal(own, shipped)


@pytest.mark.parametrize("name", ["flat_bar", "slab", "flared_disk"])
def test_the_pages_profiles_keep_their_flux(name, known):
    component = Component("galaxy", name)
    values = {p.name: p.default for p in component.declaration.parameters}
    values |= {"x": 20.0, "y": 20.0, "mag": 25.0, "r_bar": 6.0, "length": 6.0, "r_disk": 2.0, "h_disk": 0.7}
    assert _image(Model((component,)), values).sum() == pytest.approx(1.0, abs=3e-3)


def test_the_pages_profiles_have_sliders(known):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:40, :44]
    light = 30 * np.exp(-np.hypot((x - 21) / 1.5, y - 19) / 4.0) + rng.normal(0, 0.2, (40, 44))
    galaxy = Galaxy.from_arrays(light, np.full(light.shape, 0.2), name="one", zeropoint=25.0)
    explorer = explore([galaxy], "sersic", settings=FitSettings(device="cpu"))
    document = Document()
    document.add_root(explorer.layout(whole_window=True).get_root(document))
    cards = explorer._parts["cards"].view
    assert set(OWN) <= {name for name, _ in cards.profiles}
    for name in (*OWN, "edge_on"):
        cards._handle_msg({"type": "add", "profile": name})
        shown = cards.components[-1]
        assert [p["name"] for p in shown["parameters"]] == list(profiles.get(name).parameter_names)
        assert np.isfinite(explorer.state.scene.total).all()
    # Planar components alone: annuli and outline without q.
    cards._handle_msg({"type": "remove", "component": "sersic"})
    cards._handle_msg({"type": "remove", "component": "flat"})
    column = next(c for c in explorer.model.columns if c.endswith("_height"))
    before = explorer.state.scene.total.copy()
    cards._handle_msg({"type": "set", "column": column, "value": 2.0, "number": 1})
    assert not np.array_equal(before, explorer.state.scene.total)
    assert np.isfinite(explorer.state.scene.annuli.radius).all()


def test_modified_components_are_shown():
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:40, :44]
    light = 30 * np.exp(-np.hypot((x - 21) / 1.5, y - 19) / 4.0) + rng.normal(0, 0.2, (40, 44))
    galaxy = Galaxy.from_arrays(light, np.full(light.shape, 0.2), name="one", zeropoint=25.0)
    modified = Model((Component("disk", "exponential", modifiers=("fourier1", "spiral")),))
    explorer = explore([galaxy], modified, settings=FitSettings(device="cpu"))
    document = Document()
    document.add_root(explorer.layout(whole_window=True).get_root(document))
    cards = explorer._parts["cards"].view
    assert "spiral_angle" in [p["name"] for p in cards.components[0]["parameters"]]
    cards._handle_msg({"type": "duplicate", "component": "disk"})
    assert explorer.model.components[-1].modifiers == ("fourier1", "spiral")
    assert np.isfinite(explorer.state.scene.total).all()


@pytest.mark.parametrize(
    ("profile", "sentence"),
    [
        (Profile("Bad Name", "Bad", shape=(LENGTH,), brightness=lambda r, s: -r / s), "lower-case"),
        (Profile("empty", "Empty", shape=(LENGTH,)), "no brightness"),
        (Profile("failing", "Bad", shape=(LENGTH,), brightness=lambda r: r), "failed"),
        (Profile("numpy", "Bad", shape=(LENGTH,), brightness=lambda r, s: np.exp(-np.asarray(r))), "tensor"),
        (Profile("summed", "Bad", shape=(LENGTH,), brightness=lambda r, s: r.sum() / s), "per point"),
        (Profile("mixed", "Bad", shape=(LENGTH,), brightness=lambda r, s: r - r.mean() / s), "other points"),
        (Profile("detached", "Bad", shape=(LENGTH,), brightness=lambda r, s: (r / s).detach()), "differen"),
        (Profile("curved", "Bad", "sky", (LENGTH,), lambda x, y, s: s * s * x), "not linear"),
        (Profile("offset", "Bad", "sky", (LENGTH,), lambda x, y, s: s * x + 1), "not linear"),
        (Profile("twice", "Bad", shape=(LENGTH, LENGTH), brightness=lambda r, s, t: -r / s), "twice"),
    ],
)
def test_what_cannot_be_drawn_is_refused(profile, sentence):
    with pytest.raises(ModelError, match=sentence):
        register(profile)


def test_modifiers_that_do_not_fit_are_refused():
    with pytest.raises(ModelError, match="one of"):
        profiles.get("sersic", ("wobble",))
    with pytest.raises(ModelError, match="fourier1"):
        profiles.get("edge_on", ("fourier1",))
    with pytest.raises(ModelError, match="repeat"):
        profiles.get("sersic", ("fourier1", "fourier1"))
