"""Slider ranges, digits and bound badges."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from galviewer.explorer import ranges
from galviewer.model import template
from galviewer.survey import Galaxy


@pytest.fixture
def galaxy(rng):
    image = rng.normal(size=(80, 100))
    return Galaxy.from_arrays(image, np.full(image.shape, 0.5))


@pytest.mark.parametrize("name", ["sersic+sky", "bulge+disk", "sersic+point"])
def test_every_parameter_has_a_finite_range_around_its_value(name, galaxy):
    known = {"x": 50.0, "y": 40.0, "mag": 18.0, "r_eff": 5.0, "n": 2.0, "q": 0.6, "pa": 30.0}
    for parameter in template(name).parameters:
        value = known.get(parameter.name, 0.0)
        shown = ranges.slider_range(parameter, value, galaxy)
        assert parameter.lower <= shown.low < shown.high <= parameter.upper, parameter.name
        assert shown.low <= value <= shown.high, parameter.name
        assert np.isfinite([shown.low, shown.high]).all()


def test_ranges_respect_bounds(galaxy):
    parameter = dataclasses.replace(
        template("sersic").component("sersic").parameter("r_eff"), lower=4, upper=6
    )
    shown = ranges.slider_range(parameter, 5.0, galaxy)
    assert (shown.low, shown.high, shown.log) == (4, 6, True)


def test_failed_values_still_get_a_slider(galaxy):
    for parameter in template("sersic+sky").parameters:
        shown = ranges.slider_range(parameter, math.nan, galaxy)
        assert shown.low < shown.high


def test_digits_follow_the_error():
    mag = template("sersic").component("sersic").parameter("mag")
    assert ranges.digits(mag, 15, 21, 0.013) == 3
    assert ranges.digits(mag, 15, 21, 0.4) == 2
    assert ranges.digits(mag, 15, 21, math.nan) == 3


def test_only_free_parameters_wear_the_badge():
    model = template("sersic")
    values = np.array([10.0, 10.0, 18.0, 5.0, model.parameters[4].upper, 0.5, 40.0, 0.0])
    assert [c for c, on in zip(model.columns, ranges.at_bound(model, values), strict=True) if on] == [
        "sersic_n"
    ]
    held = model.replace("sersic_n", fixed=True, start=values[4])
    assert not any(ranges.at_bound(held, values))
    values[4] = 4.0
    assert not any(ranges.at_bound(model, values))
