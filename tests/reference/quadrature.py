"""Pixel averages of a Sérsic profile by brute force: cells split towards the centre, 8-point rules."""

from __future__ import annotations

import math

import numpy as np
from scipy import special


def pixel_averages(values, pixels, depth=20):
    """Average brightness over whole pixels.

    `values` are x, y, mag (zeropoint 0), r_eff, n, q, pa, boxiness; `pixels` a list of (x, y).
    """
    x0, y0, mag, r_eff, n, q, pa, boxiness = values
    b = special.gammaincinv(2 * n, 0.5)
    p = 2.0 + boxiness
    r_box = _r_box(p)
    i_e = (
        10 ** (-0.4 * mag)
        * r_box
        / (2 * math.pi * q * r_eff**2 * n * np.exp(b) * b ** (-2 * n) * special.gamma(2 * n))
    )
    sin, cos = math.sin(math.radians(pa)), math.cos(math.radians(pa))
    node, share = np.polynomial.legendre.leggauss(8)

    def brightness(x, y):
        u, v = np.abs((y - y0) * cos - (x - x0) * sin), np.abs((x - x0) * cos + (y - y0) * sin) / q
        r = (u**p + v**p) ** (1 / p)
        return i_e * np.exp(-b * ((r / r_eff) ** (1 / n) - 1))

    found = []
    for px, py in pixels:
        cells, side, sum_ = np.array([[px, py]], dtype=float), 1.0, 0.0
        for level in range(depth):
            dx, dy = cells[:, 0] - x0, cells[:, 1] - y0
            r = np.hypot(dy * cos - dx * sin, (dx * cos + dy * sin) / q)
            split = (side > 0.15 * q * r) & (level < depth - 1)
            for kept in np.array_split(cells[~split], max(1, (~split).sum() // 5000)):
                x = kept[:, 0, None, None] + 0.5 * side * node[:, None]
                y = kept[:, 1, None, None] + 0.5 * side * node
                sum_ += (brightness(x, y) * share[:, None] * share).sum() * side**2 / 4
            side /= 2
            quarters = [
                cells[split] + np.array(step) * side / 2 for step in ((-1, -1), (-1, 1), (1, -1), (1, 1))
            ]
            cells = np.concatenate(quarters)
            if not len(cells):
                break
        found.append(sum_)
    return np.array(found)


def _r_box(p):
    """Area of the ellipse over that of the superellipse with the same axes."""
    return math.pi * special.gamma(1 + 2 / p) / (4 * special.gamma(1 + 1 / p) ** 2)
