"""GALFIT's documented syntax: every component type, hidden parameters, constraints, mistakes."""

from __future__ import annotations

import math

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import integrate, special

from galviewer import model as models
from galviewer.errors import ModelError
from galviewer.model import Component, Model, Order, Tie
from galviewer.model.galfit import (
    GalfitSetup,
    from_galfit,
    read_galfit,
    to_constraints,
    to_galfit,
    write_galfit,
)

from .random_models import component

CONTROL = """
A) gal.fits[sci]       # Input data image (FITS file)
B) imgblock.fits       # Output data image block
C) none                # Sigma image name (made from data if blank or "none")
D) psf.fits   kernel.fits #   # Input PSF image and (optional) diffusion kernel
E) 3                   # PSF fine sampling factor relative to data
F) mask.fits           # Bad pixel mask (FITS image or ASCII coord list)
G) none                # File with parameter constraints (ASCII file)
H) 11   93   21   93   # Image region to fit (xmin xmax ymin ymax)
I) 100    120          # Size of the convolution box (x y)
J) 26.563              # Magnitude photometric zeropoint
K) 0.5  0.25           # Plate scale (dx dy)   [arcsec per pixel]
O) regular             # Display type (regular, curses, both)
P) 1                   # Choose: 0=optimize, 1=model, 2=imgblock, 3=subcomps
S) 0                   # Modify/create objects interactively?
"""
OBJECTS = """
# Component number: 1
 0) sersic                 #  Component type
 1) 300.  350.  1 0        #  Position x, y
 3) 20.00      1           #  Integrated magnitude
 4) 4.30       1           #  R_e (effective radius)   [pix]
 5) 5.20       0           #  Sersic index n (de Vaucouleurs n=4)
 9) 0.30       1           #  Axis ratio (b/a)
10) 10.0       1           #  Position angle (PA) [deg: Up=0, Left=90]
C0) -0.20      1           #  Diskyness(-)/Boxyness(+)
B2) 1.5        1           #  Bending mode 2
F1) 0.07  30.1 1 0         #  Azim. Fourier mode 1, amplitude, & phase angle
R0) log                    #  PA rotation func. (power, log, none)
R1) 3.0        1           #  Spiral inner radius [pixels]
R2) 40.0       1           #  Spiral outer radius [pixels]
R3) 275.       1           #  Cumul. rotation out to outer radius [degrees]
R4) 5.0        0           #  Logarithmic spiral scale radius [pixels]
R9) 45.0       1           #  Inclination to L.o.S. [degrees]
R10) 30.0      1           #  Sky position angle
 Z) 1                      #  Skip this model in output image?  (yes=1, no=0)

# Component number: 2
 0) expdisk
 1) 30.  35.  1 1
 3) 19.5       1
 4) 10.0       1           #  R_s (disk scale-length)   [pix]
 9) 0.60       1
10) 20.0       1
Ti) 3
To) 4
 Z) 0
# Component number: 3
T0) radial                 #  Truncation type
T4) 5.0       1            #  Break radius (99% normal flux)     [pixels]
T5) 3.0       0            #  Softening radius (1% normal flux)  [pixels]
# Component number: 4
T0) radial2
T4) 30.0      1
T5) 8.0       1            #  Softening length
# Component number: 5
 0) psf
 1) 31.  36.  1 1
 3) 22.5       1
# Component number: 6
 0) sky
 1) 1.3920     1
 2) 0.01       1
 3) 0.0        0
"""


def test_every_line_finds_its_place():
    setup = from_galfit(CONTROL + OBJECTS)
    assert (setup.image, setup.image_hdu, setup.output) == ("gal.fits", "sci", "imgblock.fits")
    assert (setup.sigma, setup.psf, setup.psf_oversample, setup.mask) == ("", "psf.fits", 3, "mask.fits")
    assert (setup.region, setup.convolution_box) == ((11, 93, 21, 93), (100, 120))
    assert (setup.zeropoint, setup.plate_scale, setup.mode) == (26.563, (0.5, 0.25), 1)
    assert setup.hidden == ("sersic",)
    kinds = [(c.name, c.profile) for c in setup.model.components]
    assert kinds == [
        ("sersic", "sersic"), ("expdisk", "exponential"), ("psf", "point"), ("sky", "tilted_sky"),
    ]  # fmt: skip
    sersic = setup.model.component("sersic")
    assert sersic.modifiers == ("fourier1", "bending2", "spiral")
    # Pixels count from 0 at the first of the region.
    values = {p.name: (p.start, p.fixed) for p in sersic.parameters}
    assert values["x"] == (289.0, False)
    assert values["y"] == (329.0, True)
    assert values["mag"] == (20.0, False)
    assert values["n"] == (5.2, True)
    assert values["boxiness"] == (-0.2, False)
    assert (values["b2"], values["f1"]) == ((1.5, False), (0.07, False))
    assert values["f1_phase"] == (30.1, True)
    spiral = [values[k][0] for k in ("spiral_r_in", "spiral_r_out", "spiral_angle", "spiral_scale")]
    assert spiral == [3.0, 40.0, 275.0, 5.0]
    assert (values["inclination"], values["spiral_pa"]) == ((45.0, False), (30.0, False))
    disk = {p.name: (p.start, p.fixed) for p in setup.model.component("expdisk").parameters}
    assert disk["r_eff"][0] == pytest.approx(16.78347, rel=1e-6)
    assert (disk["r_in"], disk["r_in_soft"]) == ((5.0, False), (2.0, True))
    assert (disk["r_out"], disk["r_out_soft"]) == ((30.0, False), (8.0, False))
    told = " ".join(setup.unrepresented)
    for word in ("kernel.fits", "S) 0", "truncated or wound"):
        assert word in told
    assert len(setup.unrepresented) == 3


def test_a_setup_is_written_and_read_again():
    setup = from_galfit(CONTROL + OBJECTS)
    again = from_galfit(to_galfit(setup), to_constraints(setup)[0])
    assert again == setup
    assert " 3) 19.5 1" in to_galfit(setup).splitlines()


def ferrer(r, r_out, alpha, beta):
    return (1 - (r / r_out) ** (2 - beta)) ** alpha if r < r_out else 0.0


def king(r, r_c, r_t, alpha):
    edge = (1 + (r_t / r_c) ** 2) ** (-1 / alpha)
    return (1 - edge) ** -alpha * ((1 + (r / r_c) ** 2) ** (-1 / alpha) - edge) ** alpha if r < r_t else 0.0


def nuker(r, r_b, alpha, beta, gamma):
    turn = (1 + (r / r_b) ** alpha) ** ((gamma - beta) / alpha)
    return 2 ** ((beta - gamma) / alpha) * (r / r_b) ** -gamma * turn


NUMBERS = {
    "ferrer": ((12.0, 2.2, 0.5), ferrer),
    "king": ((3.0, 30.0, 2.0), king),
    "nuker": ((4.0, 1.2, 3.1, 0.7), nuker),
}


@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("boxiness", [0.0, 0.4])
def test_surface_brightness_becomes_total_magnitude(kind, boxiness):
    """By quadrature in radius of GALFIT's own formulas, and the area of a superellipse."""
    shape, profile = NUMBERS[kind]
    lines = "\n".join(f"{k}) {value} 1" for k, value in enumerate(shape, start=4))
    text = (
        f"J) 25\nK) 0.5 0.25\n0) {kind}\n1) 5 5 1 1\n3) 18.0 1\n{lines}\n9) 0.6 1\n10) 0 1\nC0) {boxiness} 0"
    )
    found = from_galfit(text).model.components[0].parameter("mag").start
    end = {"ferrer": 12.0, "king": 30.0, "nuker": math.inf}[kind]
    parts = [(0.0, min(end, 4.0)), (4.0, 40.0), (40.0, math.inf)] if end == math.inf else [(0.0, end)]
    flux = sum(
        integrate.quad(lambda r: 2 * math.pi * r * profile(r, *shape), *part, limit=400)[0] for part in parts
    )
    p = 2.0 + boxiness
    area = 4 * special.gamma(1 + 1 / p) ** 2 / special.gamma(1 + 2 / p) / math.pi
    expected = 18.0 - 2.5 * math.log10(flux * 0.6 * area * 0.5 * 0.25)
    assert found == pytest.approx(expected, abs=2e-5)


def test_an_edge_on_disk_by_its_central_brightness():
    text = "J) 25\nK) 1 1\n0) edgedisk\n1) 5 5 1 1\n3) 18.0 1\n4) 1.5 1\n5) 8.0 1\n10) 30 1"
    disk = from_galfit(text).model.components[0]
    assert (disk.parameter("h_z").start, disk.parameter("r_s").start) == (1.5, 8.0)
    along = integrate.quad(lambda x: 2 * x / 8 * special.k1(x / 8), 1e-9, 400)[0]
    across = integrate.quad(lambda z: 2 / math.cosh(z / 1.5) ** 2, 0, 60)[0]
    assert disk.parameter("mag").start == pytest.approx(18.0 - 2.5 * math.log10(along * across), abs=1e-5)


def test_a_nuker_without_finite_light_is_named():
    text = (
        "J) 25\n0) nuker\n1) 5 5 1 1\n3) 17.2 1\n4) 20.5 1\n5) 1.2 1\n6) 0.5 1\n7) 0.7 1\n9) 0.7 1\n10) 0 1"
    )
    setup = from_galfit(text)
    assert "beta = 0.5 gives no finite light" in " ".join(setup.unrepresented)


def test_an_axis_ratio_above_one_is_the_same_ellipse_turned():
    text = "0) sersic\n1) 5 5 1 1\n3) 20 1\n4) 4.0 1\n5) 2 1\n9) 2.0 1\n10) 30 1"
    found = {p.name: p.start for p in from_galfit(text).model.components[0].parameters}
    assert (found["r_eff"], found["q"], found["pa"]) == (8.0, 0.5, 120.0)


def _object(kind, *lines):
    return f"0) {kind}\n1) 10 20 1 1\n3) 20 1\n" + "\n".join(lines) + "\n9) 0.5 1\n10) 0 1\n"


THREE = (
    _object("sersic", "4) 3.0 1", "5) 2.0 1") + _object("expdisk", "4) 8.0 1").replace("10 20", "11 20.5")
    + _object("king", "4) 2 1", "5) 20 1", "6) 2 0")
)  # fmt: skip


def test_constraints_become_ties_bounds_and_orders():
    setup = from_galfit(
        THREE,
        """
    1_2          x          offset      # Hard constraint
    1_2          re         ratio
    1            n          0.7 to 5    # Soft constraint
    1            y          -1  0.5     # relative
    1            x          5 to 15
    3            4          1 to 9
    2/1          q          0.5 2
    1-2          mag        -0.5 3
    3            mag        15 to 25
    7            n          1 to 2
    3            f1a        0 to 1
    """,
    )
    model = setup.model
    assert model.component("expdisk").parameter("x").tied == Tie("sersic.x", offset=1.0)
    ratio = model.component("expdisk").parameter("r_eff").tied
    assert ratio is not None
    assert ratio.factor == pytest.approx(8.0 * 1.678347 / 3.0, rel=1e-6)
    n, y = (model.component("sersic").parameter(name) for name in ("n", "y"))
    assert (n.lower, n.upper) == (0.7, 5.0)
    assert (y.lower, y.upper) == (18.0, 19.5)
    x = model.component("sersic").parameter("x")
    assert (x.lower, x.upper) == (4.0, 14.0)
    assert (
        model.component("king").parameter("r_c").lower,
        model.component("king").parameter("r_c").upper,
    ) == (1, 9)
    assert model.orders == (Order("expdisk.q", "sersic.q", 2.0), Order("sersic.q", "expdisk.q", 2.0))
    assert len(setup.unrepresented) == 4
    for text in (
        "line 9: '1-2 mag -0.5 3': limits on a difference",
        "surface brightness",
        "object 7",
        "'f1a'",
    ):
        assert any(text in told for told in setup.unrepresented), text
    again = from_galfit(to_galfit(setup), to_constraints(setup)[0])
    assert again.model.component("expdisk").parameter("x").tied == Tie("sersic.x", offset=1.0)
    assert again.leftovers == setup.leftovers
    assert {(o.smaller, o.larger, o.factor) for o in again.model.orders} == {
        (o.smaller, o.larger, o.factor) for o in model.orders
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("J) 25", "has no objects"),
        ("0) sersic\nnonsense", "line 2: is 'nonsense'"),
        ("0) sersic\n1) 5 5 1 1\n3) bright 1\n4) 3 1\n5) 2 1", "line 3: has 'bright'"),
        ("0) sersic\n1) 5 5 1 1\n3) 20 1\n4) 3 1", r"line 1: sersic has no line 5\) for n"),
        ("0) sersic\n1) 5 5 1 1\n1) 5 5 1 1", r"line 3: has 1\) a second time"),
        ("0) sersic\n1) 5 5 1 1\n3) 20,21 1\n4) 3 1\n5) 2 1", "line 3: has values of several bands"),
        ("A) a.fits,b.fits\n0) sky\n1) 1 1", "line 1: names files of several bands"),
        ("H) 1 93 1\n0) sky\n1) 1 1", "line 1: is 'H.*4 numbers"),
        ("H) 9 3 1 5\n0) sky\n1) 1 1", "line 1: region"),
        ("0) corsair\n1) 5 5 1 1", "no object that galviewer knows"),
        ("0) sersic\n1) 5 5 1 1\n3) 20 1\n4) 3 1\n5) 2 1\n9) 0 1", "line 6: axis ratio 0"),
    ],
)
def test_mistakes_name_the_line(text, message):
    with pytest.raises(ModelError, match=message):
        from_galfit(text)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1 n", "line 1: is '1 n'"),
        ("1 n x to y", "'x to y' is no range"),
        ("a_b n offset", "'a_b' is no list"),
        ("1_2 x same", "offset and ratio"),
    ],
)
def test_mistakes_in_constraints_name_the_line(line, message):
    with pytest.raises(ModelError, match=message):
        from_galfit(THREE, line)


def test_files_and_missing_constraints(tmp_path):
    with pytest.raises(ModelError, match="cannot be read"):
        read_galfit(tmp_path / "none.feedme")
    (tmp_path / "a.feedme").write_text("G) limits.txt\n" + THREE)
    setup = read_galfit(tmp_path / "a.feedme")
    assert "limits.txt" in setup.unrepresented[0]
    (tmp_path / "limits.txt").write_text("1 n 1 to 2")
    assert read_galfit(tmp_path / "a.feedme").model.component("sersic").parameter("n").upper == 2.0
    assert models.load(tmp_path / "a.feedme").name == "a"


LOG = """
-----------------------------------------------------------------------------

Input image     : old.fits[1:93,1:93]
 psf       : (   10.00,    10.00)   20.00
 Chi^2/nu = 9.

-----------------------------------------------------------------------------

Input image     : gal.fits[5:93,9:93]
Init. par. file : simple.feedme
Restart file    : galfit.01
Output image    : imgblock.fits

 sersic    : (   46.53,    48.27)   23.01    2.48    [3.94]    0.85  -70.80
               (  0.02,     0.02)    0.02    0.08    [0.26]    0.02    4.75
 expdisk   : ( {46.53},  {48.27})   23.01   *2.00*    0.85  -70.80
 sky       : [ 47.00,  47.00]  7.85e-01  [0.00e+00]  [0.00e+00]
                                9.40e-02  [0.00e+00]  [0.00e+00]
 whatever  : (1: 0.05, 30)
 Chi^2 = 9470.04980,  ndof = 8641
 Chi^2/nu = 1.096
"""


def test_the_last_fit_of_a_log(tmp_path):
    (tmp_path / "fit.log").write_text(LOG)
    setup = read_galfit(tmp_path / "fit.log")
    assert (setup.image, setup.region) == ("gal.fits", (5, 93, 9, 93))
    assert [c.profile for c in setup.model.components] == ["sersic", "exponential", "flat_sky"]
    sersic = {p.name: (p.start, p.fixed) for p in setup.model.component("sersic").parameters}
    assert sersic["x"] == (pytest.approx(41.53), False)
    assert (sersic["r_eff"], sersic["n"], sersic["pa"]) == ((2.48, False), (3.94, True), (-70.8, False))
    assert setup.model.component("expdisk").parameter("r_eff").start == pytest.approx(2 * 1.678347, rel=1e-6)
    assert setup.model.component("sky").parameter("level").start == 0.785
    assert "whatever" in setup.unrepresented[0]
    (tmp_path / "fit.log").write_text(
        LOG.replace(" sersic    :", " r : sersic :").replace(" sky  ", " r : sky  ")
    )
    with pytest.raises(ModelError, match="several bands: None, r"):
        read_galfit(tmp_path / "fit.log")
    (tmp_path / "fit.log").write_text("Input image : a.fits")
    with pytest.raises(ModelError, match="no components"):
        read_galfit(tmp_path / "fit.log")


def test_what_galfit_cannot_say_is_told(tmp_path):
    model = Model(
        (
            Component("bulge", "sersic")
            .replace("n", prior=models.normal(4, 1))
            .replace("boxiness", tied=Tie("disk.q", 2.0, 1.0), fixed=False, start=None),
            Component("disk", "exponential"),
        ),
        orders=(Order("bulge.r_eff", "disk.mag"),),
    )
    values = dict.fromkeys(model.columns, 0.5)
    told = write_galfit(model, tmp_path / "x.feedme", values)
    assert told == (
        "the normal prior of bulge.n", "the tie of bulge.boxiness", "the order bulge.r_eff < 1 * disk.mag",
    )  # fmt: skip
    assert "# not said here: the normal prior of bulge.n" in (tmp_path / "x.feedme").read_text()
    with pytest.raises(ModelError, match="bulge_x: has no start value"):
        write_galfit(model, tmp_path / "x.feedme")
    ring = Model((Component("a", "ring"),))
    with pytest.raises(ModelError, match="GALFIT lacks"):
        to_galfit(GalfitSetup(ring), dict.fromkeys(ring.columns, 0.5))


KINDS = ("sersic", "exponential", "de_vaucouleurs", "gaussian", "moffat", "ferrer", "king", "nuker", "point",
         "edge_on", "flat_sky")  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.data())
def test_models_survive_galfit(data):
    """Every kind of component that GALFIT has, with its modes: text and back."""
    parts = []
    for k in range(data.draw(st.integers(1, 3))):
        part = data.draw(
            component(f"part{k}", KINDS, (), ("fourier1", "fourier4", "bending2", "spiral"), priors=False)
        )
        if "spiral" in part.modifiers and part.profile in ("ferrer", "king", "nuker"):
            assume(False)
        for parameter in part.parameters:
            start = parameter.start
            if start is None:
                low, high = max(parameter.lower, -50.0), min(parameter.upper, 50.0)
                start = float(f"{0.3 * low + 0.7 * high:.6g}")
            # one-sided limits are what a constraint file cannot say
            part = part.replace(parameter.name, start=start, lower=-math.inf, upper=math.inf)
        declared = part.declaration.parameters
        for parameter, usual in zip(part.parameters, declared, strict=True):
            part = part.replace(parameter.name, lower=usual.lower, upper=usual.upper)
        parts.append(part)
    setup = GalfitSetup(Model(tuple(parts)), zeropoint=25.0, plate_scale=(0.4, 0.4), region=(5, 90, 7, 90))
    constraints, unsaid = to_constraints(setup)
    assert (constraints, unsaid) == ("", ())
    again = from_galfit(to_galfit(setup), constraints)
    assert [(c.name, c.profile, c.modifiers) for c in again.model.components] == [
        (c.name, c.profile, c.modifiers) for c in parts
    ]
    for ours, theirs in zip(again.model.parameters, setup.model.parameters, strict=True):
        assert ours.start == pytest.approx(theirs.start, rel=1e-8, abs=1e-7), theirs
        assert ours.fixed == theirs.fixed
