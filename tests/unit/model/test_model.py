"""Models: columns, ties, edits, TOML; every mistake has its message."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer import model
from galviewer.errors import ModelError
from galviewer.model import Component, Model, Tie


@pytest.mark.parametrize("name", model.TEMPLATES)
def test_toml_round_trip(name):
    original = model.template(name)
    assert model.from_toml(model.to_toml(original)) == original


def test_edits_survive_toml():
    edited = (
        model.template("bulge+disk")
        .replace("bulge_n", start=4.0, fixed=True)
        .replace("disk_r_eff", tied=Tie("bulge.r_eff", 3.0, 0.5), start=None)
        .replace("disk_q", lower=0.2, upper=0.9)
        .replace("disk_boxiness", fixed=False, start=None)
    )
    again = model.from_toml(model.to_toml(edited))
    assert again == edited
    assert "bulge_n" not in [again.columns[i] for i in again.free]


def test_columns_and_free_parameters():
    bulge_disk = model.template("bulge+disk")
    assert bulge_disk.columns[:3] == ("bulge_x", "bulge_y", "bulge_mag")
    assert bulge_disk.component_slices == {"bulge": slice(0, 8), "disk": slice(8, 15)}
    free = [bulge_disk.columns[i] for i in bulge_disk.free]
    assert "disk_x" not in free
    assert "bulge_boxiness" not in free
    assert bulge_disk.index("disk.mag") == bulge_disk.index("disk_mag") == 10


def test_chained_ties_lead_to_one_root():
    chain = (
        model.template("bulge+disk")
        .replace("disk_r_eff", tied=Tie("bulge.r_eff", 2.0, 1.0))
        .replace("bulge_n", tied=Tie("disk.r_eff", 0.5, -0.25))
    )
    terms, offset = chain.tie_terms("bulge_n")
    assert terms == ((chain.index("bulge_r_eff"), 1.0),)
    assert offset == 0.25


def test_a_sum_of_ties_follows_all_its_terms():
    summed = model.template("bulge+disk").replace(
        "disk_r_eff", tied=Tie("bulge.r_eff", 2.0, 1.0, plus=(("bulge.n", -0.5),))
    )
    matrix, offset = summed.affine
    values = np.arange(len(summed.columns), dtype=float)
    row = summed.index("disk_r_eff")
    expected = 2.0 * values[summed.index("bulge_r_eff")] - 0.5 * values[summed.index("bulge_n")] + 1.0
    assert matrix[row] @ values + offset[row] == pytest.approx(expected)


def test_removing_a_component_frees_what_followed_it():
    disk = model.template("bulge+disk").without_component("bulge")
    assert disk.columns[0] == "disk_x"
    assert disk.parameters[0].tied is None


def test_adding_replaces_a_component_of_that_name():
    grown = model.template("sersic").with_component(Component("sky", "flat_sky"))
    assert grown.columns[-1] == "sky_level"
    tilted = grown.with_component(Component("sky", "tilted_sky"))
    assert tilted.columns[-3:] == ("sky_level", "sky_slope_x", "sky_slope_y")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", "is not TOML"),
        ("name = 3\n[a]\nprofile='sersic'", "expected a text"),
        ("[a]\nn = 3", "has no profile"),
        ("[a]\nprofile = 'sersik'", "'sersik'.*not known"),
        ("[a]\nprofile = 'sersic'\nm = 3", "no parameter 'm'"),
        ("[a]\nprofile = 'sersic'\nn = 'four'", "expected a number"),
        ("[a]\nprofile = 'sersic'\nn = {start = true}", "start.*expected a number"),
        ("[a]\nprofile = 'sersic'\nn = {strat = 4}", "expected a number, or a table"),
        ("[a]\nprofile = 'sersic'\nn = {fixed = 'yes'}", "true or false"),
        ("[a]\nprofile = 'sersic'\nn = {start = 40}", "value in its bounds"),
        ("[a]\nprofile = 'sersic'\nn = {lower = 4, upper = 2}", "lower <= upper"),
        ("[a]\nprofile = 'sersic'\nn = {tied = 'b.n'}", "no parameter 'b.n'"),
        ("[a]\nprofile = 'sersic'\nn = {tied = 'a.n'}", "tied in a circle"),
        ("[a_b]\nprofile = 'sersic'", "not a usable name"),
        ("", "one or more"),
    ],
)
def test_mistakes_in_toml_have_messages(text, message):
    with pytest.raises(ModelError, match=message):
        model.from_toml(text)


def test_load_takes_templates_and_files(tmp_path):
    file = tmp_path / "mein Modell é.toml"
    file.write_text("[galaxy]\nprofile = 'exponential'\nq = {start = 0.5, fixed = true}\n", encoding="utf-8")
    loaded = model.load(file)
    assert loaded.name == "mein Modell é"
    assert loaded.component("galaxy").parameter("q").fixed
    assert model.load("sersic") == model.template("sersic")
    with pytest.raises(ModelError, match="not found"):
        model.load(tmp_path / "none.toml")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="cannot be read"):
        model.load(file)


def test_mistakes_in_python_have_messages():
    with pytest.raises(ModelError, match="named once"):
        Model((Component("a", "sersic"), Component("a", "sersic")))
    with pytest.raises(ModelError, match="both fixed and tied"):
        model.template("bulge+disk").replace("disk_x", fixed=True)
    with pytest.raises(ModelError, match="has no component"):
        model.template("sersic").component("disk")
    with pytest.raises(ModelError, match="has no parameter"):
        model.template("sersic").index("sersic_radius")
    with pytest.raises(ModelError, match="expected a finite number"):
        model.template("sersic").replace("sersic_n", start=float("nan"))


def test_toml_says_only_what_differs():
    text = model.to_toml(model.template("bulge+disk").replace("bulge_n", start=4.0, fixed=True))
    assert text == (
        'name = "bulge+disk"\n\n'
        '[bulge]\nprofile = "sersic"\nn = { start = 4.0, fixed = true, upper = 8.0 }\n\n'
        '[disk]\nprofile = "exponential"\nx = { tied = "bulge.x" }\ny = { tied = "bulge.y" }\n'
    )


def test_a_tie_with_a_start_value_keeps_what_matters():
    tied = model.template("bulge+disk").replace("disk_q", tied=Tie("bulge.q"), start=0.5)
    assert model.from_toml(model.to_toml(tied)).component("disk").parameter("q").tied == Tie("bulge.q")


def test_angles_repeat_after_half_a_turn_unless_the_ends_differ():
    drawn = Model(
        (
            Component("plain", "sersic"),
            Component("bent", "sersic", modifiers=("bending1", "spiral")),
            Component("thin", "edge_on"),
        )
    )
    turns = {c: t for c, t in zip(drawn.columns, drawn.turns, strict=True) if np.isfinite(t)}
    assert turns == {"plain_pa": 180.0, "bent_pa": 360.0, "bent_spiral_pa": 180.0, "thin_pa": 360.0}
