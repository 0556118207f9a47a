"""Dense samples are taken only where a profile has light, which changes nothing."""

from __future__ import annotations

import pytest
import torch

from galviewer.model import Component, Model
from galviewer.render import Renderer
from galviewer.render.realisation import Realisation


def _psf():
    y, x = torch.meshgrid(*[torch.arange(15, dtype=torch.float64) - 7] * 2, indexing="ij")
    stamp = torch.exp(-(x * x + y * y) / (2 * 1.4**2))
    return stamp / stamp.sum()


@pytest.mark.parametrize(
    "place", [(20.3, 21.2), (1.5, 38.0), (-4.0, 20.0)], ids=["inside", "corner", "beyond"]
)
@pytest.mark.parametrize(
    ("name", "shape"), [("ferrer", (9.0, 1.0, 0.2)), ("king", (3.0, 9.0, 0.7)), ("ring", (6.0, 0.7))]
)
@pytest.mark.parametrize("boxiness", [0.0, 1.5])
def test_the_box_holds_all_the_light(name, shape, place, boxiness, monkeypatch):
    drawn = Model((Component("it", name).replace("boxiness", fixed=False),))
    values = torch.tensor([[*place, -5.0, *shape, 0.7, 3.0, boxiness]], dtype=torch.float64)
    renderer = Renderer(drawn, (41, 43), _psf(), dtype=torch.float64)
    found = renderer.planes(values)
    widths = []
    sample = type(renderer.scene)._sample

    def watched(self, brightness, thin, x, y):
        widths.append(len(x))
        return sample(self, brightness, thin, x, y)

    monkeypatch.setattr(type(renderer.scene), "_sample", watched)
    renderer.planes(values)
    boxed = widths.pop()
    monkeypatch.setattr("galviewer.render.planes.Brightness.reach", Realisation.reach)
    torch.testing.assert_close(renderer.planes(values), found, rtol=0, atol=1e-13 * float(found.abs().max()))
    assert boxed < widths.pop()
