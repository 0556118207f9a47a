"""Figures of fits made by hand: every panel, every format, odd names, and nothing left behind."""

from __future__ import annotations

import dataclasses
import math
import re
import subprocess
import sys
import zlib

import numpy as np
import pytest
from astropy.wcs import WCS

from galviewer import model as models
from galviewer.errors import GalviewerError, SettingsError
from galviewer.model import Component, Model
from galviewer.products import GalaxyFit, figures, panels
from galviewer.products.curves import Curves
from galviewer.products.scene import Scene
from galviewer.survey import Galaxy

SHAPE = (48, 64)


def turned(angle: float, scale: float = 0.4) -> WCS:
    """North `angle` degrees from +y towards -x, east to its left."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix, wcs.wcs.crval = [32.0, 24.0], [150.0, 60.0]
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    wcs.wcs.cd = scale / 3600.0 * np.array([[-c, -s], [-s, c]])
    wcs.wcs.set()
    return wcs


def light(shape, x, y, width, total):
    rows, columns = np.indices(shape)
    image = np.exp(-0.5 * ((rows - y) ** 2 + (columns - x) ** 2) / width**2)
    return total * image / image.sum()


def fit_of(
    components: int = 1, sky: bool = False, name: str = "J1002+04", shape=SHAPE, **galaxy
) -> GalaxyFit:
    """A fit of Gaussian blobs that are called Sérsic."""
    rng = np.random.default_rng(11)
    names = ("sersic", "disk", "bar", "side", "clump", "halo")[:components]
    parts = [Component(n, "sersic") for n in names] + ([Component("sky", "flat_sky")] if sky else [])
    model = Model(tuple(parts), name="sum")
    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    planes = [light(shape, x, y, 2.0 + 2 * k, 2000.0 / (k + 1)) for k in range(components)]
    values = []
    for k in range(components):
        values += [x, y, 17.0 + k, 2.4 + 2 * k, 1.0, 0.8, 30.0, 0.0]
    if sky:
        planes.append(np.full(shape, 3.0))
        values.append(3.0)
    total = np.sum(planes, 0)
    at = np.arange(-5, 6.0)
    psf = np.exp(-0.5 * (at[:, None] ** 2 + at**2) / 1.2**2)
    mask = np.zeros(shape, bool)
    mask[5:12, 6:14] = True
    facts = {"zeropoint": 25.0, "pixel_scale": 0.4, "mask": mask, "wcs": turned(20.0)} | galaxy
    target = Galaxy.from_arrays(total + rng.normal(0, 1.0, shape), np.ones(shape), psf, name=name, **facts)
    values = np.array(values)
    return GalaxyFit(
        name=name, model=model, parameters=values, errors=0.01 * values, starts=values, chi2=3072.0,
        chi2_nu=1.0, n_pixels=int((~mask).sum()), n_free=len(model.free), iterations=5, seconds=0.1, flags=0,
        galaxy=target,
        model_image=total.astype(np.float32), component_images=np.stack(planes).astype(np.float32),
    )  # fmt: skip


def texts(drawn) -> list[str]:
    """Every word in a figure."""
    from matplotlib.text import Text

    return [t.get_text() for t in drawn.findobj(Text) if t.get_text()]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return a figure of two components and sky, and its files."""
    paths = [tmp_path_factory.mktemp("figures") / f"galaxy.{kind}" for kind in figures.FORMATS]
    return figures.figure(fit_of(2, sky=True), paths), paths


def test_every_format_is_what_its_suffix_says(drawn):
    starts = {"pdf": b"%PDF", "png": b"\x89PNG", "svg": b"<?xml", "eps": b"%!PS"}
    for path in drawn[1]:
        assert path.read_bytes().startswith(starts[path.suffix[1:]])
    assert [p.name for p in drawn[1][0].parent.iterdir() if "partial" in p.name] == []


def test_the_pdf_is_a_vector_with_the_images_own_pixels(drawn):
    """Letters are fonts (type 42), and each panel holds the window's pixels, no more and no fewer."""
    content = drawn[1][0].read_bytes()
    assert b"/CIDFontType2" in content
    fit = fit_of(2, sky=True)
    plate = panels.Plate.of(Scene.of(fit.galaxy, fit.model, fit.parameters, fit.component_images), "kk")
    left, right, bottom, top = plate.window
    width = math.ceil(right + 0.5) - math.floor(left + 0.5)
    height = math.ceil(top + 0.5) - math.floor(bottom + 0.5)
    sizes = re.findall(rb"/Width (\d+)|/Height (\d+)", content)
    found = [int(a or b) for a, b in sizes]
    assert found[:10] == [width, height] * 5


def test_all_panels_are_there(drawn):
    words = texts(drawn[0])
    for wanted in (
        "data − sky",
        "model",
        "residual",
        "sersic",
        "disk",
        "(data − model) / σ",
        "N(0, 1)",
        "Δμ",
    ):
        assert wanted in words
    assert "radius along the major axis  (arcsec)" in words
    assert "μ  (mag arcsec⁻²)" in words
    assert {"N", "E", "PSF"} <= set(words)
    assert len([ax for ax in drawn[0].axes if ax.images]) == 5


def test_the_profile_shows_the_curves_numbers(drawn):
    fit = fit_of(2, sky=True)
    scene = Scene.of(fit.galaxy, fit.model, fit.parameters, fit.component_images)
    curves = Curves.of(scene, "mag", "linear")
    profile = next(ax for ax in drawn[0].axes if ax.get_ylabel().startswith("μ") and ax.lines)
    lines = {line.get_label(): line for line in profile.lines}
    assert np.allclose(lines["model"].get_ydata(), curves.total["y"], equal_nan=True)
    assert np.allclose(lines["disk"].get_ydata(), curves.parts[1][1], equal_nan=True)
    assert profile.get_ylim() == curves.range  # bright at the top


def test_the_residual_panel_hides_masked_pixels(drawn):
    fit = fit_of(2, sky=True)
    panel = next(ax for ax in drawn[0].axes if ax.images and "residual" in [t.get_text() for t in ax.texts])
    shown = np.ma.filled(panel.images[0].get_array(), np.nan)
    assert np.array_equal(np.isnan(shown), fit.galaxy.mask)
    assert panel.images[0].get_clim() == (-5, 5)


def visible_texts(figure):
    """Every text that is drawn, with its box; ticks outside of their axis are not drawn."""
    renderer = figure.canvas.get_renderer()
    figure.draw(renderer)
    found = list(figure.texts)
    for ax in figure.axes:
        found += [*ax.texts, ax.xaxis.label, ax.yaxis.label]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if low <= tick.get_loc() <= high:
                    found += [label for label in (tick.label1, tick.label2) if label.get_visible()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in found if text.get_text().strip()]
    return [(words, box.padded(-0.5)) for words, box in boxes]


@pytest.mark.parametrize(("components", "sky"), [(1, False), (2, True), (6, False)])
def test_words_do_not_overlap_and_stay_inside(components, sky):
    figure = figures.figure(fit_of(components, sky=sky))
    boxes = visible_texts(figure)
    assert len(boxes) > 30
    clashes = [(a, b) for k, (a, one) in enumerate(boxes) for b, two in boxes[k + 1 :] if one.overlaps(two)]
    assert clashes == []
    for words, box in boxes:
        assert box.x0 >= 0, words
        assert box.x1 <= figure.bbox.width, words
        assert box.y0 >= 0, words
        assert box.y1 <= figure.bbox.height, words


@pytest.mark.parametrize("components", [1, 4, 5])
def test_any_number_of_components(components, tmp_path):
    figure = figures.figure(fit_of(components), tmp_path / "a.png", radius="log", dpi=60)
    images = [ax for ax in figure.axes if ax.images]
    assert len(images) == (3 if components == 1 else 3 + components)
    assert figure.get_size_inches()[0] == pytest.approx(7.1)
    assert figure.get_size_inches()[1] < 9.5


def test_without_a_scale_lengths_are_pixels(tmp_path):
    fit = fit_of(1, pixel_scale=None, wcs=None)
    words = texts(figures.figure(fit, radius="quarter"))
    assert "radius along the major axis  (pixel)" in words
    assert "x  (pixel)" in words
    assert "N" not in words


@pytest.mark.parametrize("name", ["银河 一", "мост $x_2$ % a_b^c"])
def test_any_name(name, tmp_path):
    path = tmp_path / "a.pdf"
    assert name in "".join(texts(figures.figure(fit_of(1, name=name), path)))
    assert path.is_file()


def test_the_same_fit_gives_the_same_file(tmp_path):
    paths = [tmp_path / "1.pdf", tmp_path / "2.pdf"]
    for path in paths:
        figures.figure(fit_of(1), path)
    assert zlib.crc32(paths[0].read_bytes()) == zlib.crc32(paths[1].read_bytes())


def test_nothing_global_is_left(tmp_path):
    """Neither pyplot nor the settings of the user's own figures."""
    probe = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import importlib.util
spec = importlib.util.spec_from_file_location("here", {__file__!r})
here = importlib.util.module_from_spec(spec)
spec.loader.exec_module(here)
here.figures.figure(here.fit_of(2), {str(tmp_path / "a.pdf")!r})
assert "matplotlib.pyplot" not in sys.modules
import matplotlib
now = dict(matplotlib.rcParams)
assert {{k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend" and now[k] != v}} == {{}}
"""
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("angle", [0.0, 20.0, 90.0, 200.0])
def test_the_compass_points_north_and_east(angle):
    directions = panels.compass(turned(angle), SHAPE)
    assert directions is not None
    north = np.array([-np.sin(np.radians(angle)), np.cos(np.radians(angle))])
    assert directions["N"] == pytest.approx(north, abs=1e-3)
    assert directions["E"] == pytest.approx([-north[1], north[0]], abs=1e-3)
    assert panels.compass(None, SHAPE) is None


def test_a_small_galaxy_in_a_large_stamp_fills_the_panels():
    fit = fit_of(1, shape=(200, 200), mask=np.zeros((200, 200), bool))
    plate = panels.Plate.of(Scene.of(fit.galaxy, fit.model, fit.parameters, fit.component_images), ["k"])
    left, right, bottom, top = plate.window
    assert 20 < right - left < 80
    assert right - left == pytest.approx(top - bottom)
    assert (left + right) / 2 == pytest.approx(99.5, abs=1)


def test_bad_wishes_are_told(tmp_path):
    fit = fit_of(1)
    with pytest.raises(SettingsError, match=r"one of \.pdf"):
        figures.figure(fit, tmp_path / "a.bmp")
    with pytest.raises(SettingsError, match="linear, log, quarter"):
        figures.figure(fit, radius="sqrt")
    with pytest.raises(GalviewerError, match="no model image"):
        figures.figure(dataclasses.replace(fit, model_image=None, component_images=None))
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(GalviewerError, match=r"galviewer\[science\]"):
        figures.figure(fit_of(1))


def test_a_template_of_bulge_and_disk_is_drawn_like_any_other():
    """Names of components reach the panels, whatever the model."""
    model = models.load("bulge+disk")
    fit = fit_of(2)
    named = dataclasses.replace(
        fit, model=Model(tuple(dataclasses.replace(c, name=n) for c, n in
                               zip(fit.model.components, ("bulge", "disk"), strict=True)), name=model.name)
    )  # fmt: skip
    assert {"bulge", "disk"} <= set(texts(figures.figure(named)))
