"""Multi-Gaussian expansions: a galaxy as a sum of Gaussians that share their centre.

The profile `mge` has six Gaussians of one axis ratio in one component; here every Gaussian is a component
with a flux and an axis ratio of its own, so that ellipticity may change with radius.
"""

from __future__ import annotations

from galviewer.errors import ModelError
from galviewer.model.description import Component, Tie


def multi_gaussian(
    count: int, narrowest: float = 1.5, widest: float = 30.0, name: str = "gauss"
) -> tuple[Component, ...]:
    """Gaussians with common centre and angle, own width, flux and axis ratio.

    Parameters
    ----------
    count : int
        How many, at least 1.
    narrowest, widest : float
        Full widths at half maximum (pixels) from which the first and the last one start; the others lie
        between them, evenly spaced in their logarithm.
    name : str
        The components are called so, with the numbers 1, 2, ...

    Returns
    -------
    tuple of Component
        For `Model`; the later ones follow the first in x, y and pa.

    Raises
    ------
    ModelError
        If `count` is below 1 or the widths are not positive and in order.
    """
    if count < 1:
        raise ModelError("multi_gaussian", f"count {count}", "at least 1")
    if not 0 < narrowest <= widest:
        raise ModelError("multi_gaussian", f"widths {narrowest} and {widest}", "0 < narrowest <= widest")
    first = f"{name}1"
    components = []
    for k in range(count):
        width = narrowest * (widest / narrowest) ** (k / max(count - 1, 1))
        component = Component(f"{name}{k + 1}", "gaussian").replace("fwhm", start=width)
        if k:
            for shared in ("x", "y", "pa"):
                component = component.replace(shared, tied=Tie(f"{first}.{shared}"))
        components.append(component)
    return tuple(components)
