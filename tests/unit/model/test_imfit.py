"""imfit's documented syntax: every function that galviewer has, limits, labels, mistakes."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, special

from galviewer import model as models
from galviewer.errors import ModelError
from galviewer.model import Component, Model, Tie
from galviewer.model.imfit import ImfitSetup, from_imfit, read_imfit, to_imfit, write_imfit

TEXT = """
# Basic parameters (three exposures, averaged together)
NCOMBINED  3
GAIN       2.0
READNOISE  4.5
ORIGINAL_SKY  18.2
NCOLS 120
NROWS 100

X0   33.0    30,36
Y0   35.0    fixed
FUNCTION Sersic_GenEllipse  # LABEL bulge
PA    18.0   0,90     # deg
ell   0.2    0.1,0.5
c0    0.3    fixed
n     2.5    0.5,5
I_e   15     0,500
r_e   25     0,100
FUNCTION Exponential
PA    20
ell   0.4
I_0   70.0 +/- 1.5
h     45.0   +/- 0.2
X0   50.0
Y0   60.0
FUNCTION PointSource
I_tot 1000  100,10000
FUNCTION FlatSky
I_sky 1.5
FUNCTION GaussianRing3D
PA 0
ell 0
A 1
"""


def test_every_line_finds_its_place():
    setup = from_imfit(TEXT, zeropoint=25.0)
    assert (setup.gain, setup.read_noise, setup.sky, setup.combined) == (2.0, 4.5, 18.2, 3)
    assert setup.shape == (100, 120)
    names = [(c.name, c.profile) for c in setup.model.components]
    assert names == [
        ("bulge", "sersic"), ("exponential", "exponential"), ("pointsource", "point"),
        ("flatsky", "flat_sky"),
    ]  # fmt: skip
    bulge = {p.name: p for p in setup.model.component("bulge").parameters}
    assert (bulge["x"].start, bulge["x"].lower, bulge["x"].upper) == (32.0, 29.0, 35.0)
    assert (bulge["y"].start, bulge["y"].fixed) == (34.0, True)
    assert (bulge["q"].start, bulge["q"].lower, bulge["q"].upper) == (0.8, 0.5, 0.9)
    assert (bulge["boxiness"].start, bulge["boxiness"].fixed) == (0.3, True)
    assert (bulge["n"].lower, bulge["n"].upper) == (0.5, 5.0)
    disk = {p.name: p for p in setup.model.component("exponential").parameters}
    assert (disk["x"].tied, disk["y"].tied) == (Tie("bulge.x"), Tie("bulge.y"))
    assert disk["r_eff"].start == pytest.approx(45 * 1.678347, rel=1e-6)
    # A point source has no shape: limits of its flux are limits of its magnitude.
    point = setup.model.component("pointsource").parameter("mag")
    assert (point.start, point.lower, point.upper) == (17.5, 15.0, 20.0)
    told = " ".join(setup.unrepresented)
    assert "line 17: '0,500': limits 0,500 of a brightness" in told
    assert "'FUNCTION GaussianRing3D': galviewer has no 'GaussianRing3D'" in told
    assert len(setup.unrepresented) == 2


def test_a_setup_is_written_and_read_again():
    setup = from_imfit(TEXT, zeropoint=25.0)
    text, unsaid = to_imfit(setup)
    assert unsaid == ()
    assert from_imfit(text, zeropoint=25.0) == setup
    assert "I_e 15 0,500" in text.splitlines()
    assert "FUNCTION GaussianRing3D" in text.splitlines()


def elliptical(profile, *edges):
    """Flux for q = 0.6 by quadrature in radius."""
    parts = itertools.pairwise(edges)
    return 0.6 * sum(
        integrate.quad(lambda r: 2 * math.pi * r * profile(r), *part, limit=400)[0] for part in parts
    )


def core_sersic(r):
    n, r_e, r_b, alpha, gamma = 3.0, 20.0, 2.0, 5.0, 0.2
    b = special.gammaincinv(2 * n, 0.5)
    scale = 2 ** (-gamma / alpha) * math.exp(b * (2 ** (1 / alpha) * r_b / r_e) ** (1 / n))
    inner = (1 + (r_b / r) ** alpha) ** (gamma / alpha)
    return scale * inner * math.exp(-b * ((r**alpha + r_b**alpha) / r_e**alpha) ** (1 / (alpha * n)))


def broken(r):
    h1, h2, r_b, alpha = 10.0, 4.0, 15.0, 1.5
    exponent = (1 / h1 - 1 / h2) / alpha
    s = (1 + math.exp(-alpha * r_b)) ** -exponent
    return s * math.exp(-r / h1) * (1 + math.exp(alpha * (r - r_b))) ** exponent


def vertical(n, z_0):
    return integrate.quad(lambda z: 2 * math.cosh(n * z / (2 * z_0)) ** (-2 / n), 0, 40 * z_0)[0]


B = special.gammaincinv(2 * 2.5, 0.5)
FLUXES = {
    "Sersic": ("PA 0\nell 0.4\nn 2.5\nI_e 3\nr_e 8", elliptical(
        lambda r: math.exp(-B * ((r / 8) ** 0.4 - 1)), 0, 8, 100, math.inf)),
    "Exponential": ("PA 0\nell 0.4\nI_0 3\nh 8", 0.6 * 2 * math.pi * 64),
    "Gaussian": ("PA 0\nell 0.4\nI_0 3\nsigma 2.5", 0.6 * 2 * math.pi * 2.5**2),
    "Moffat": ("PA 0\nell 0.4\nI_0 3\nfwhm 4\nbeta 3",
               0.6 * math.pi * (2 / math.sqrt(2 ** (1 / 3) - 1)) ** 2 / 2),
    "Core-Sersic": ("PA 0\nell 0.4\nn 3\nI_b 3\nr_e 20\nr_b 2\nalpha 5\ngamma 0.2",
                    elliptical(core_sersic, 0, 1, 3, 50, 400, math.inf)),
    "BrokenExponential": ("PA 0\nell 0.4\nI_0 3\nh1 10\nh2 4\nr_break 15\nalpha 1.5",
                          elliptical(broken, 0, 15, 150)),
    "GaussianRing": ("PA 0\nell 0.4\nA 3\nR_ring 9\nsigma_r 2", elliptical(
        lambda r: math.exp(-0.5 * ((r - 9) / 2) ** 2), 0, 9, 40)),
    "FerrersBar2D": ("PA 0\nell 0.4\nc0 0\nn 2\nI_0 3\na_bar 12",
                     elliptical(lambda r: (1 - (r / 12) ** 2) ** 2, 0, 12)),
    "EdgeOnDisk": ("PA 0\nL_0 3\nh 8\nn 1 fixed\nz_0 1.5", 2 * math.pi * 64 * vertical(1, 1.5)),
    "ExponentialDisk3D": ("PA 0\ninc 60\nJ_0 3\nh 8\nn 2.5\nz_0 1.5", 2 * math.pi * 64 * vertical(2.5, 1.5)),
    "PointSource": ("I_tot 3", 1.0),
}  # fmt: skip


@pytest.mark.parametrize("name", FLUXES)
def test_brightness_becomes_total_magnitude(name):
    """By quadrature of imfit's own formulas (func_*.cpp of imfit 1.9)."""
    lines, flux = FLUXES[name]
    found = from_imfit(f"X0 10\nY0 10\nFUNCTION {name}\n{lines}", 25.0).model.components[0]
    assert found.parameter("mag").start == pytest.approx(25 - 2.5 * math.log10(3 * flux), abs=2e-5)


def test_an_edge_on_disk_of_another_vertical_shape_is_one_in_space():
    text = "X0 10\nY0 10\nFUNCTION EdgeOnDisk\nPA 0\nL_0 3\nh 8\nn 3\nz_0 1.5"
    setup = from_imfit(text, 25.0)
    disk = setup.model.components[0]
    assert disk.profile == "exponential_disk_3d"
    assert (disk.parameter("inclination").start, disk.parameter("inclination").fixed) == (90.0, True)
    flux = 3 * 2 * math.pi * 64 * vertical(3, 1.5)
    assert disk.parameter("mag").start == pytest.approx(25 - 2.5 * math.log10(flux), abs=2e-5)
    assert from_imfit(to_imfit(setup)[0], 25.0) == setup


def test_king_by_concentration_is_a_tie():
    text = "X0 1\nY0 1\nFUNCTION ModifiedKing2\nPA 0\nell 0\nI_0 3\nr_c 2\nc 10 {}\nalpha 2 fixed"
    held = from_imfit(text.format("fixed")).model.components[0]
    assert held.parameter("r_t").tied == Tie("modifiedking2.r_c", 10.0)
    free = from_imfit(text.format("5,20"))
    assert free.model.components[0].parameter("r_t").start == 20.0
    assert "limits 5,20 of a ratio" in free.unrepresented[0]


def test_a_tilted_sky_moves_to_the_image_centre():
    text = "X0 11\nY0 21\nFUNCTION TiltedSkyPlane\nI_0 5\nm_x 0.1\nm_y 0.2"
    setup = from_imfit(text, shape=(101, 201))
    sky = setup.model.components[0]
    assert sky.parameter("level").start == pytest.approx(5 + 0.1 * (100 - 10) + 0.2 * (50 - 20))
    assert "give the image's shape" in from_imfit(text).unrepresented[0]


def test_limits_of_brightness_hold_where_the_shape_is_held():
    text = "X0 1\nY0 1\nFUNCTION Gaussian\nPA 0\nell 0 fixed\nI_0 3 1,10\nsigma 2 fixed"
    setup = from_imfit(text, 25.0)
    mag = setup.model.components[0].parameter("mag")
    flux = 2 * math.pi * 4
    assert mag.lower == pytest.approx(25 - 2.5 * math.log10(10 * flux), abs=1e-9)
    assert mag.upper == pytest.approx(25 - 2.5 * math.log10(flux), abs=1e-9)
    assert from_imfit(to_imfit(setup)[0], 25.0) == setup


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("GAIN 3", "has no function"),
        ("FUNCTION Sersic", "line 1: a function without a centre"),
        ("X0 3\nY0", "line 2: is 'Y0'"),
        ("X0 a\nY0 3", "line 1: has 'a'"),
        ("X0 3 5\nY0 3", "line 1: has limits '5'; expected low,high or fixed"),
        ("X0 3 5,9\nY0 3", "line 1: value 3 with limits 5,9"),
        ("X0 3\nY0 3\nFUNCTION Sersic\nPA 3", "line 3: Sersic lacks .*expected the parameters PA, ell, n"),
        ("X0 3\nY0 3\nFUNCTION Sersik\nPA 3", "no function that galviewer knows"),
    ],
)
def test_mistakes_name_the_line(text, message):
    with pytest.raises(ModelError, match=message):
        from_imfit(text)


def test_files_and_what_imfit_cannot_say(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_imfit(tmp_path / "none.dat")
    model = Model(
        (
            Component("bulge", "sersic").replace("n", prior=models.normal(4, 1)),
            Component("disk", "exponential")
            .replace("x", tied=Tie("bulge.x"))
            .replace("y", tied=Tie("bulge.y"))
            .replace("q", tied=Tie("bulge.q")),
        ),
        orders=(models.Order("bulge.r_eff", "disk.r_eff"),),
    )  # fmt: skip
    values = dict.fromkeys(model.columns, 0.5)
    told = write_imfit(model, tmp_path / "x.dat", values, zeropoint=25.0)
    assert told == (
        "the order bulge.r_eff < 1 * disk.r_eff", "the normal prior of bulge.n", "the tie of disk.q",
    )  # fmt: skip
    again = read_imfit(tmp_path / "x.dat", 25.0)
    assert again.model.component("disk").parameter("y").tied == Tie("bulge.y")
    assert models.load(tmp_path / "x.dat").name == "x"
    lopsided = Model((Component("a", "sersic", modifiers=("fourier1",)),))
    with pytest.raises(ModelError, match="imfit lacks"):
        to_imfit(ImfitSetup(lopsided), dict.fromkeys(lopsided.columns, 0.5))


def test_random_starts_survive():
    """Values of any digits come back to ten of them."""
    rng = np.random.default_rng(7)
    for profile in ("sersic", "exponential", "gaussian", "moffat", "core_sersic", "ring", "king", "nuker",
                    "broken_exponential", "edge_on", "exponential_disk_3d", "de_vaucouleurs"):  # fmt: skip
        component = Component("a", profile)
        for p in component.parameters:
            low, high = max(p.lower, 0.3), min(p.upper, 30.0)
            start = 0.0 if p.name == "boxiness" else rng.uniform(low, high)
            component = component.replace(
                p.name, start=start, fixed=bool(rng.random() < 0.5) or p.name == "boxiness"
            )
        again = from_imfit(to_imfit(ImfitSetup(Model((component,)), 25.0))[0], 25.0).model.components[0]
        for p in component.parameters:
            assert again.parameter(p.name).start == pytest.approx(p.start, rel=1e-9, abs=1e-9), (
                profile,
                p.name,
            )
            assert again.parameter(p.name).fixed == p.fixed
