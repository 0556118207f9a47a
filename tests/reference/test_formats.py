"""GALFIT's and imfit's own set-ups on real data: read, rendered, fitted, written back.

The texts are equivalents of files that come with the programs: GALFIT's EXAMPLE with GALFITM's constraints
(galfitm-tests, ``simple``), imfit's tutorial and regression configurations (imfit 1.9),
the answers those programs printed (``oracle.csv`` of each folder, tolerances from its README).
"""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import galviewer as gv
from galviewer.model.galfit import write_galfit
from galviewer.model.imfit import write_imfit

OPTICAL = gv.FitSettings(psf_kind="optical")

EXAMPLE = """
================================================================================
# IMAGE and GALFIT CONTROL PARAMETERS
A) GALFITexample_image.fits[0]   # Input data image (FITS file)
B) imgblock.fits       # Output data image block
C) GALFITexample_sigma.fits      # Sigma image name (made from data if blank or "none")
D) GALFITexample_psf.fits   #        # Input PSF image and (optional) diffusion kernel
E) 1                   # PSF fine sampling factor relative to data
F) none                # Bad pixel mask (FITS image or ASCII coord list)
G) example.constraints # File with parameter constraints (ASCII file)
H) {region}            # Image region to fit (xmin xmax ymin ymax)
I) 100    100          # Size of the convolution box (x y)
J) 26.563              # Magnitude photometric zeropoint
K) 0.038  0.038        # Plate scale (dx dy)    [arcsec per pixel]
O) regular             # Display type (regular, curses, both)
P) 0                   # Choose: 0=optimize, 1=model, 2=imgblock, 3=subcomps

# Object number: 1
 0) sersic                 #  object type
 1) 48.5180  51.2800  1 1  #  position x, y
 3) 20.0890     1          #  Integrated magnitude
 4) 5.1160      1          #  R_e (half-light radius)   [pix]
 5) 4.2490      1          #  Sersic index n (de Vaucouleurs n=4)
 6) 0.0000      0          #     -----
 7) 0.0000      0          #     -----
 8) 0.0000      0          #     -----
 9) 0.7570      1          #  axis ratio (b/a)
10) -60.3690    1          #  position angle (PA) [deg: Up=0, Left=90]
 Z) 0                      #  output option (0 = resid., 1 = Don't subtract)

# Object number: 2
 0) sky                    #  object type
 1) 1.3920      1          #  sky background at center of fitting region [ADUs]
 2) 0.0000      0          #  dsky/dx (sky gradient in x)
 3) 0.0000      0          #  dsky/dy (sky gradient in y)
 Z) 0                      #  output option (0 = resid., 1 = Don't subtract)
================================================================================
"""
EXAMPLE_CONSTRAINTS = """
# Component/    parameter   constraint   Comment
    1           x        -5.0  5.0       # within +5.0 and -5.0 of the >>INPUT<< value.
    1           y        -5.0  5.0
    1           mag      -5.0  5.0
    1           re       0.01 to 10.0
    1           n        0.3 to 15
    1           q        0.01 to 1.0
    1           pa       -90 to 90.0
    2           sky      -3.0  3.0
"""


@pytest.mark.parametrize(
    ("region", "fit_ids"), [("1 93 1 93", ("1.1.8-1.1.12", "1.2.0")), ("1 93 10 83", ("1.2.0-window",))]
)
def test_galfits_example_from_its_own_file(shared_data, tmp_path, region, fit_ids):
    """Within GALFIT's error, and within what its versions differ by (README: the real systematic)."""
    folder = shared_data / "galfit_example"
    (tmp_path / "example.constraints").write_text(EXAMPLE_CONSTRAINTS)
    file = tmp_path / "example.feedme"
    file.write_text(EXAMPLE.format(region=region))

    setup = gv.read_galfit(file)
    galaxy = setup.galaxy(folder)
    (fitted,) = gv.fit_galaxies([galaxy], setup.model, OPTICAL)

    assert setup.unrepresented == ()
    assert fitted.flags == 0
    oracle = Table.read(folder / "oracle.csv")
    rows = oracle[np.isin(oracle["fit_id"], fit_ids)]
    versions = oracle[:2]
    found = {name: fitted.value(f"sersic_{name}") for name in ("mag", "r_eff", "n", "q", "pa", "x", "y")}
    found["x"] += setup.origin[0] + 1
    found["y"] += setup.origin[1] + 1
    errors = {"mag": 0.02, "r_eff": 0.11, "n": 0.29, "q": 0.02, "pa": 6.0, "x": 0.02, "y": 0.02}
    names = {"mag": "mag_total", "r_eff": "re_maj_pix", "q": "q", "n": "n", "pa": "pa_deg_ccw_from_y",
             "x": "x_pix_1based", "y": "y_pix_1based"}  # fmt: skip
    for name, error in errors.items():
        column = names[name]
        spread = abs(versions[column][0] - versions[column][1]) if len(rows) == 1 else 0.0
        low, high = min(rows[column]) - error - spread, max(rows[column]) + error + spread
        assert low <= found[name] <= high, name
    assert fitted.value("sky_level") == pytest.approx(float(np.mean(rows["sky_counts"])), abs=0.15)


def test_galfits_example_is_written_and_read_again(tmp_path):
    (tmp_path / "example.constraints").write_text(EXAMPLE_CONSTRAINTS)
    (tmp_path / "one.feedme").write_text(EXAMPLE.format(region="5 80 10 83"))
    setup = gv.read_galfit(tmp_path / "one.feedme")
    (tmp_path / "two").mkdir()
    assert write_galfit(setup, tmp_path / "two" / "two.feedme") == ()
    again = gv.read_galfit(tmp_path / "two" / "two.feedme")
    assert again == setup
    assert setup.origin == (4.0, 9.0)
    assert setup.model.component("sersic").parameter("x").start == pytest.approx(43.518)
    assert setup.model.component("sersic").parameter("x").lower == pytest.approx(38.518)
    assert setup.image_model.component("sersic").parameter("x").start == pytest.approx(47.518)


@pytest.mark.parametrize(
    ("name", "centre", "n", "psf", "shift", "tolerance"),
    [
        ("GALFIT_n4_psf0", 100, 4, "none", (0.0, 0.0), 5e-4),
        ("GALFIT_sersic_n1", 256, 1, "none", (0.0, 0.0), 1e-4),
        # This PSF lies off the centre of its stamp by (-1.34, -0.85). GALFIT takes it so; galviewer moves
        # it by (1, 1) + (0.34, 0) pixels, as its notes say.
        ("GALFIT_n4_psf1", 100, 4, "GALFIT_n4_psf.fits", (1.34, 1.0), 3e-3),
    ],
)
def test_galfits_own_renders(shared_data, tmp_path, name, centre, n, psf, shift, tolerance):
    """Rings around the centre, out to the edge of GALFIT's convolution box: every pixel and the sum."""
    folder = shared_data / "galfit_renders"
    truth = fits.getdata(folder / f"{name}_model.fits").astype(float)
    sides = " ".join(f"1 {side}" for side in truth.shape[::-1])
    file = tmp_path / "render.feedme"
    place = f"{centre - shift[0]} {centre - shift[1]}"
    file.write_text(
        f"A) {name}_model.fits\nD) {psf}\nE) 1\nH) {sides}\nI) 100 100\nJ) 26.563\nK) 1 1\nP) 1\n"
        f"0) sersic\n1) {place} 0 0\n3) 20 0\n4) 30 0\n5) {n} 0\n9) 1 0\n10) 0 0\n"
    )
    setup = gv.read_galfit(file)
    bench = gv.Workbench(setup.galaxy(folder), setup.model, OPTICAL)
    found = bench.render(np.array([p.start for p in setup.model.parameters])).sum(axis=0)
    y, x = np.indices(truth.shape)
    r = np.hypot(x - centre + 1 + shift[0], y - centre + 1 + shift[1])
    for low, high in ((0, 1.5), (1.5, 4), (4, 10), (10, 20), (20, 40)):
        ring = (r >= low) & (r < high)
        assert np.median(np.abs(found / truth - 1)[ring]) < tolerance
        assert found[ring].sum() == pytest.approx(truth[ring].sum(), rel=tolerance)


IC3478 = """GAIN 4.725
READNOISE 4.3
ORIGINAL_SKY 130.14

X0   {x}    125,135
Y0   {y}    125,135
FUNCTION Sersic
PA    {pa}    0,90
ell    {ell}    0,1
n      {n}    0,5
I_e    {I_e}     0,500
r_e    {r_e}     0,100
"""
START = {"x": 129.0, "y": 129.0, "pa": 18.0, "ell": 0.2, "n": 1.5, "I_e": 15, "r_e": 25}
BEST = {
    "sersic-mask": START | {"x": 128.9321, "y": 129.0983, "pa": 19.0449, "ell": 0.221656, "n": 2.3108,
                            "I_e": 22.1351, "r_e": 56.2217},
    "sersic-mask-psf": START | {"x": 128.9174, "y": 129.08, "pa": 19.0576, "ell": 0.227617, "n": 2.48051,
                                "I_e": 19.9097, "r_e": 59.5241},
}  # fmt: skip


@pytest.mark.parametrize("fit_id", ["sersic-mask", "sersic-mask-psf"])
def test_imfits_tutorial_is_rendered_and_refitted(shared_data, tmp_path, fit_id):
    folder = shared_data / "imfit_sdss3"
    row = Table.read(folder / "oracle.csv")
    row = row[row["fit_id"] == fit_id][0]
    printed = float(str(row["chi2"]).split()[-1])
    psf = {"psf": folder / "IC3478_r_psf.fits"} if fit_id.endswith("psf") else {}
    files = {"image": folder / "IC3478_r_image.fits", "mask": folder / "IC3478_r_mask.fits", **psf}

    (tmp_path / "best.dat").write_text(IC3478.format(**BEST[fit_id]))
    best = gv.read_imfit(tmp_path / "best.dat")
    galaxy = best.galaxy(**files)
    bench = gv.Workbench(galaxy, best.model, OPTICAL)
    chi2 = bench.chi2(np.array([p.start for p in best.model.parameters]))
    ndof = int((~galaxy.mask).sum()) - len(best.model.free)
    assert chi2 / ndof == pytest.approx(printed, rel=1e-3)

    (tmp_path / "start.dat").write_text(IC3478.format(**START))
    setup = gv.read_imfit(tmp_path / "start.dat")
    (fitted,) = gv.fit_galaxies([setup.galaxy(**files)], setup.model, OPTICAL)
    assert fitted.chi2 <= chi2 + 1
    assert fitted.value("sersic_r_eff") == pytest.approx(row["re_maj_pix"], rel=0.02)
    assert fitted.value("sersic_n") == pytest.approx(row["n"], rel=0.02)
    assert fitted.value("sersic_q") == pytest.approx(row["q"], rel=0.01)
    assert 10 ** (-0.4 * fitted.value("sersic_mag")) == pytest.approx(row["flux_counts"], rel=0.02)


MULTI = """GAIN   4.725
READNOISE   4.3
ORIGINAL_SKY   {sky}

X0   {x}    fixedornot
Y0   {y}    fixedornot
FUNCTION Sersic    # LABEL bulge
PA    {pa}
ell    {ell}    0,1
n      {n}      0,5
I_e    {I_e}    0,500
r_e    {r_e}    0,100

FUNCTION   Exponential   # here is a comment
PA    {pa2}     # another note
ell    {ell2}   0,1
I_0   {I_0}   0,600
h     {h}   0,1000
""".replace("fixedornot", "")
NGC3073 = {
    "sky": 154.33, "x": 100.7073, "y": 97.0877, "pa": 111.919, "ell": 0.184262, "n": 3.2805, "I_e": 78.2972,
    "r_e": 26.7976, "pa2": 51.724, "ell2": 0.35226, "I_0": 39.7753, "h": 53.6058,
}  # fmt: skip
VCC1512 = {
    "sky": 120.020408, "x": 60.4336387, "y": 73.2059007, "pa": 161.8, "ell": 0.118948, "n": 0.956352657,
    "I_e": 121.815, "r_e": 4.86559, "pa2": 138.9869, "ell2": 0.273912, "I_0": 81.3854, "h": 20.8522,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "best", "start"),
    [
        ("NGC3073_r", NGC3073, {"x": 101.0, "y": 97.0, "pa": 110.0, "ell": 0.2, "n": 1.5, "I_e": 150,
                                "r_e": 15, "pa2": 55.0, "ell2": 0.2, "I_0": 70.0, "h": 45.0}),
        ("VCC1512_r", VCC1512, {"n": 1.5, "I_e": 100, "r_e": 6.0, "I_0": 70.0, "h": 18.0}),
    ],
)  # fmt: skip
def test_imfits_two_components(shared_data, tmp_path, name, best, start):
    folder = shared_data / "imfit_sdss3"
    oracle = Table.read(folder / "oracle.csv")
    bulge, disk = oracle[oracle["name"] == name]
    files = {role: folder / f"{name}_{role}.fits" for role in ("image", "mask", "psf")}
    files = {role: path for role, path in files.items() if path.is_file()}
    sky = fits.getheader(files["image"]).get("ORIGSKY")

    (tmp_path / "best.dat").write_text(MULTI.format(**best | {"sky": sky}))
    setup = gv.read_imfit(tmp_path / "best.dat")
    assert [component.name for component in setup.model.components] == ["bulge", "exponential"]
    assert len(setup.unrepresented) == 2
    bench = gv.Workbench(setup.galaxy(**files), setup.model, OPTICAL)
    matrix, offset = setup.model.affine
    values = matrix @ np.array([p.start or 0.0 for p in setup.model.parameters]) + offset
    chi2 = bench.chi2(values)
    assert chi2 == pytest.approx(float(bulge["chi2"]), rel=1e-3)

    (tmp_path / "start.dat").write_text(MULTI.format(**best | {"sky": sky} | start))
    setup = gv.read_imfit(tmp_path / "start.dat")
    (fitted,) = gv.fit_galaxies([setup.galaxy(**files)], setup.model, OPTICAL)
    assert fitted.chi2 <= float(bulge["chi2"]) + 25  # imfit's pixel grid aliases the cusp by about 20
    for ours, row in (("bulge", bulge), ("exponential", disk)):
        assert fitted.value(f"{ours}_r_eff") == pytest.approx(row["re_maj_pix"], rel=0.02)
        assert fitted.value(f"{ours}_q") == pytest.approx(row["q"], rel=0.02)
        assert 10 ** (-0.4 * fitted.value(f"{ours}_mag")) == pytest.approx(row["flux_counts"], rel=0.02)

    (tmp_path / "again.dat").touch()
    assert write_imfit(setup, tmp_path / "again.dat") == ()
    again = gv.read_imfit(tmp_path / "again.dat")
    assert again.leftovers == setup.leftovers
    assert again.model.component("bulge") == setup.model.component("bulge")


PYMORPH = """A) {name}_image.fits
C) {name}_sigma.fits
D) {name}_psf.fits
E) 1
F) {name}_mask.fits
G) none
J) 25.256
K) 0.396 0.396
P) 0
0) sersic
1) {x} {y} 1 1 #
3) {mag} 1 #
4) {re} 1 #
5) {n} 1 #
9) {q} 1 #
10) {pa} 1 #
Z) 0
0) sky
1) {sky} 1 #
2) 0 0 #
3) 0 0 #
Z) 0
"""


@pytest.mark.parametrize("name", ["SDSS00000001", "SDSS00000003", "SDSS00000023", "SDSS00000024"])
def test_galfits_parameters_give_its_chi2(shared_data, tmp_path, name):
    """GALFIT's printed parameters as a feedme; its chi2 to 15, as an independent renderer has it."""
    folder = shared_data / "pymorph_sdss"
    row = {r["name"]: r for r in Table.read(folder / "oracle.csv")}[name]
    file = tmp_path / "galfit.01"
    file.write_text(
        PYMORPH.format(
            name=name, x=row["x_pix_1based"], y=row["y_pix_1based"], mag=row["mag_total"], n=row["n"],
            re=row["re_maj_pix"], q=row["q"], pa=row["pa_deg_ccw_from_y"], sky=row["sky_counts"],
        )
    )  # fmt: skip
    setup = gv.read_galfit(file)
    bench = gv.Workbench(setup.galaxy(folder), setup.model, OPTICAL)
    chi2 = bench.chi2(np.array([p.start for p in setup.model.parameters]))
    assert chi2 == pytest.approx(float(row["chi2"]), abs=15)
    assert gv.load_model(file) == setup.image_model.__class__(setup.model.components, name="galfit")
