"""Start values of every template and of models of one's own."""

from __future__ import annotations

import math

import galsim
import numpy as np
import pytest

from galviewer import model
from galviewer.flags import Flag
from galviewer.guess import starts
from galviewer.model import Component, Model
from galviewer.survey import Galaxy


def named(description, values):
    return dict(zip(description.columns, values, strict=True))


def flux(mag, zeropoint=22.5):
    return 10.0 ** (-0.4 * (mag - zeropoint))


@pytest.mark.parametrize("template", model.TEMPLATES)
def test_templates_start_inside_their_bounds_with_ties(draw, template):
    description = model.template(template)
    values, flags = starts(draw(zeropoint=22.5), description)
    assert flags == 0
    assert values.shape == (len(description.columns),)
    assert np.isfinite(values).all()
    for value, parameter in zip(values, description.parameters, strict=True):
        assert parameter.lower <= value <= parameter.upper
    found = named(description, values)
    if "disk_x" in found:
        assert (found["disk_x"], found["disk_y"]) == (found["bulge_x"], found["bulge_y"])
        assert found["bulge_r_eff"] < found["disk_r_eff"]
    total = sum(flux(value) for column, value in found.items() if column.endswith("_mag"))
    assert total == pytest.approx(100.0, rel=0.1)


def test_bulge_and_disk_are_told_apart(draw):
    bulge = galsim.Sersic(n=3.0, half_light_radius=2.5, flux=60.0).shift(0.8, -0.7)
    description = model.template("bulge+disk")
    galaxy = draw(n=1.0, r_eff=12.0, q=0.7, flux=140.0, extra=bulge, zeropoint=22.5)
    found = named(description, starts(galaxy, description)[0])
    share = flux(found["bulge_mag"]) / (flux(found["bulge_mag"]) + flux(found["disk_mag"]))
    assert share == pytest.approx(0.3, abs=0.12)
    assert found["disk_r_eff"] == pytest.approx(12.0, rel=0.2)
    assert abs(math.log10(found["bulge_r_eff"] / 2.5)) < 0.25


def test_point_source_in_a_galaxy(draw):
    point = galsim.Gaussian(sigma=0.01, flux=40.0).shift(0.8, -0.7)
    description = model.template("sersic+point")
    galaxy = draw(n=1.0, r_eff=9.0, flux=100.0, extra=point, zeropoint=22.5)
    found = named(description, starts(galaxy, description)[0])
    assert flux(found["point_mag"]) == pytest.approx(40.0, rel=0.25)
    assert found["sersic_r_eff"] == pytest.approx(9.0, rel=0.25)


def test_the_users_values_win_and_ties_follow(draw):
    description = (
        model.template("bulge+disk").replace("bulge_x", start=55.0).replace("bulge_n", start=4.0, fixed=True)
    )
    found = named(description, starts(draw(), description)[0])
    assert found["bulge_x"] == found["disk_x"] == 55.0
    assert found["bulge_n"] == 4.0


@pytest.mark.parametrize("profile", ["exponential", "gaussian", "moffat", "point"])
def test_other_profiles(draw, profile):
    description = Model((Component("only", profile),))
    found = named(description, starts(draw(n=0.5, r_eff=5.0, q=0.8, zeropoint=22.5), description)[0])
    assert found["only_mag"] == pytest.approx(22.5 - 5.0, abs=0.15)
    if profile == "gaussian":
        assert found["only_fwhm"] == pytest.approx(10.0, rel=0.15)
    if profile == "exponential":
        assert found["only_r_eff"] == pytest.approx(5.0, rel=0.2)


def test_tilted_sky_starts_flat(draw):
    description = Model((Component("galaxy", "sersic"), Component("sky", "tilted_sky")))
    found = named(description, starts(draw(sky=3.0), description)[0])
    assert found["sky_level"] == pytest.approx(3.0, abs=0.01)
    assert found["sky_slope_x"] == found["sky_slope_y"] == 0.0


def test_nothing_there_gives_defaults_and_a_flag():
    image = np.random.default_rng(1).normal(0.0, 1.0, (60, 60))
    description = model.template("bulge+disk+sky")
    values, flags = starts(Galaxy.from_arrays(image, np.ones(image.shape)), description)
    assert flags == Flag.GUESS_FAILED
    assert np.isfinite(values).all()
    assert named(description, values)["bulge_x"] == 29.5


def test_starts_do_not_depend_on_other_galaxies(draw):
    description = model.template("sersic")
    alone = starts(draw(), description)[0]
    starts(draw(n=4.0, r_eff=3.0), description)
    np.testing.assert_array_equal(starts(draw(), description)[0], alone)
    assert math.isfinite(alone.sum())
