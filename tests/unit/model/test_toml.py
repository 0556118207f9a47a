"""TOML of everything that a model can say."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from galviewer import model
from galviewer.errors import ModelError
from galviewer.model import Order, Prior, Tie

from .random_models import model as any_model

TEXT = """
name = "all"
orders = ["bulge.r_eff < disk.r_eff", "bulge.n <= 0.5*disk.r_eff"]

[bulge]
profile = "sersic"
n = { start = 4, prior = { normal = [4.0, 0.5], lower = 1.0, upper = 8.0 } }
r_eff = { prior = { lognormal = [5, 0.3] } }
q = { prior = { uniform = [0.3, 0.9] } }

[disk]
profile = "exponential"
modifiers = ["fourier1", "outer_truncation"]
f1 = { start = 0.1, fixed = true }
mag = { tied = "bulge.mag", factor = 0.5, offset = 1, plus = { "bulge.n" = -0.25 } }
"""


def test_what_is_written_is_read():
    found = model.from_toml(TEXT)
    assert found.orders == (Order("bulge.r_eff", "disk.r_eff"), Order("bulge.n", "disk.r_eff", 0.5))
    assert found.component("bulge").parameter("n").prior == Prior("normal", 4.0, 0.5, 1.0, 8.0)
    assert found.component("bulge").parameter("r_eff").prior == model.lognormal(5.0, 0.3)
    assert found.component("bulge").parameter("q").prior == model.uniform(0.3, 0.9)
    assert found.component("disk").modifiers == ("fourier1", "outer_truncation")
    assert found.component("disk").parameter("f1").fixed
    assert found.component("disk").parameter("mag").tied == Tie("bulge.mag", 0.5, 1.0, (("bulge.n", -0.25),))
    assert model.from_toml(model.to_toml(found)) == found


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(any_model())
def test_every_model_survives_toml(original):
    assert model.from_toml(model.to_toml(original)) == original


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n = { prior = 4 }", r"a\.n\.prior: is 4; expected one of \{normal"),
        ("n = { prior = { gauss = [4, 1] } }", "expected one of"),
        ("n = { prior = { normal = 4 } }", r"a\.n\.prior\.normal: is 4; expected a list of two"),
        ("n = { prior = { normal = [4, 'x'] } }", "expected a number"),
        ("n = { prior = { normal = [4, -1] } }", r"a\.n\.prior: mean 4.0, width -1.0"),
        ("n = { prior = { uniform = [4, 1] } }", "lower < upper"),
        ("n = { prior = { uniform = [1, 4], lower = 2 } }", "no other limits"),
        ("n = { prior = { normal = [4, 1], lower = 13 } }", "meet its bounds"),
        ("n = { factor = 2 }", "follows nothing"),
        ("n = { tied = 'a.q', plus = 3 }", r"a\.n\.plus: is 3"),
        ("n = { tied = 'a.q', plus = { 'a.z' = 1 } }", "no parameter 'a.z'"),
        ("modifiers = 'fourier1'", r"a\.modifiers: is 'fourier1'"),
        ("modifiers = ['fourier9']", "fourier9"),
    ],
)
def test_mistakes_name_the_place(line, message):
    with pytest.raises(ModelError, match=message):
        model.from_toml(f"[a]\nprofile = 'sersic'\n{line}")


@pytest.mark.parametrize(
    "order", ["'a.n'", "'a.n > a.q'", "'a.n < x * a.q'", "3", "'a.n < 0 * a.q'", "'a.n < b.q'"]
)
def test_orders_that_make_no_sense_are_told(order):
    with pytest.raises(ModelError, match=r"order|no parameter"):
        model.from_toml(f"orders = [{order}]\n[a]\nprofile = 'sersic'")
    with pytest.raises(ModelError, match="orders = 'x'"):
        model.from_toml("orders = 'x'\n[a]\nprofile = 'sersic'")
