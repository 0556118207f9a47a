"""Changes of a model on screen."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer.errors import ModelError
from galviewer.explorer import edits
from galviewer.model import Tie, template


@pytest.fixture
def model():
    return template("bulge+disk+sky")


@pytest.fixture
def values(model):
    known = {"x": 31.0, "y": 29.0, "mag": 17.0, "r_eff": 6.0, "n": 3.0, "q": 0.7, "pa": 40.0, "level": 0.1}
    numbers = np.array([known.get(p.name, 0.0) for p in model.parameters])
    numbers[model.index("disk_mag")] = 15.0
    return edits.with_ties(model, numbers)


def test_tied_values_follow(model, values):
    values[model.index("bulge_x")] = 35.0
    assert edits.with_ties(model, values)[model.index("disk_x")] == 35.0
    scaled = edits.set_tie(model, "disk_r_eff", Tie("bulge.r_eff", 2.0, 1.0))
    assert edits.with_ties(scaled, values)[scaled.index("disk_r_eff")] == 2 * 6.0 + 1.0


def test_clipping_keeps_bounds_and_ties(model, values):
    values[model.index("bulge_n")] = 99.0
    values[model.index("bulge_x")] = 3.0
    clipped = edits.clipped(model, values)
    assert clipped[model.index("bulge_n")] == model.parameters[model.index("bulge_n")].upper
    assert clipped[model.index("disk_x")] == 3.0


def test_fixing_holds_the_present_value(model, values):
    fixed = edits.set_fixed(model, values, "bulge_n", True)
    parameter = fixed.parameters[fixed.index("bulge_n")]
    assert (parameter.fixed, parameter.start) == (True, 3.0)
    assert not edits.set_fixed(fixed, values, "bulge_n", False).parameters[fixed.index("bulge_n")].fixed


def test_fixing_a_tied_parameter_unties_it(model, values):
    fixed = edits.set_fixed(model, values, "disk_x", True)
    assert fixed.parameters[fixed.index("disk_x")].tied is None


def test_bounds_move_the_value_inside(model, values):
    bounded, inside = edits.set_bounds(model, values, "bulge_n", 0.5, 2.0)
    assert inside[model.index("bulge_n")] == 2.0
    with pytest.raises(ModelError, match="lower <= upper"):
        edits.set_bounds(bounded, inside, "bulge_n", 3.0, 1.0)


def test_added_component_sits_on_the_brightest(model, values):
    grown, more = edits.add(model, values, "sersic", (60, 60))
    assert grown.components[-1].name == "sersic"
    at = dict(zip(grown.columns, more, strict=True))
    assert (at["sersic_x"], at["sersic_y"]) == (31.0, 29.0)
    assert at["sersic_mag"] == 15.0 + 2.0  # the disk leads
    assert np.isfinite(more).all()


def test_names_stay_unique_and_legal(model, values):
    for _ in range(3):
        model, values = edits.add(model, values, "flat_sky", (60, 60))
    assert [c.name for c in model.components] == ["bulge", "disk", "sky", "sky2", "sky3", "sky4"]
    assert len(values) == len(model.columns)


def test_first_component_of_its_kind_starts_at_the_stamp_centre():
    sky = template("sersic+sky").without_component("sersic")
    grown, values = edits.add(sky, np.array([0.1]), "point", (41, 61))
    at = dict(zip(grown.columns, values, strict=True))
    assert (at["point_x"], at["point_y"]) == (30.0, 20.0)


def test_duplicate_then_remove_gives_the_values_back(model, values):
    grown, more = edits.duplicate(model, values, "disk")
    assert grown.components[-1].name == "disk2"
    assert np.array_equal(more[grown.component_slices["disk2"]], values[model.component_slices["disk"]])
    assert all(p.tied is None for p in grown.component("disk2").parameters)
    back, fewer = edits.remove(grown, more, "disk2")
    assert back.columns == model.columns
    assert np.array_equal(fewer, values)


def test_removing_a_leader_frees_those_tied_to_it(model, values):
    left, _ = edits.remove(model, values, "bulge")
    assert left.component("disk").parameter("x").free


def test_the_last_component_stays(model, values):
    for name in ("bulge", "disk"):
        model, values = edits.remove(model, values, name)
    with pytest.raises(ModelError):
        edits.remove(model, values, "sky")


def test_carried_models_forget_places_but_keep_fixed_shapes(model, values):
    for column in ("bulge_n", "bulge_x", "disk_mag"):
        model = edits.set_fixed(model, values, column, True)
    next_one = edits.carried(model)
    start = dict(zip(next_one.columns, (p.start for p in next_one.parameters), strict=True))
    assert start["bulge_n"] == 3.0
    assert start["bulge_x"] is None
    assert start["disk_mag"] is None
    assert next_one.parameters[next_one.index("bulge_x")].fixed


def test_transfer_keeps_what_both_have(model, values):
    single = template("sersic+sky")
    measured = np.arange(len(single.columns), dtype=float)
    moved = edits.transfer(model, values, single, measured)
    assert moved[single.index("sky_level")] == values[model.index("sky_level")]
    assert moved[single.index("sersic_x")] == measured[0]


def test_ellipses(model, values):
    assert edits.ellipse(model, values, "bulge") == {
        "x": 31.0, "y": 29.0, "size": 6.0, "q": 0.7, "pa": 40.0, "boxiness": 0.0,
    }  # fmt: skip
    assert edits.ellipse(model, values, "sky") is None
    assert edits.brightest(model, values) == "disk"


def test_a_point_source_does_not_lead_the_annuli():
    model = template("sersic+point")
    values = np.array([{"mag": 20.0}.get(p.name, 1.0) for p in model.parameters])
    values[model.index("point_mag")] = 10.0
    assert edits.brightest(model, values) == "sersic"
