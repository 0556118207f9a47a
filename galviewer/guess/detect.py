"""Finding the target among the objects of an image, with sep."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import sep

from galviewer.survey.galaxy import Galaxy
from galviewer.survey.noise import background

_LEAST_AREA = 5
"""Pixels of the smallest object."""

PIXELS = 6_000
"""Pixels that a first sky level needs: its error is then 0.02 of the scatter."""


class Detection(NamedTuple):
    """The target and what surrounds it."""

    x: float
    y: float
    others: np.ndarray
    radius: float
    found: bool


def sky_and_scatter(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Sky level and scatter; where the galaxy fills the image its rim is the better sky."""
    level, rms = background(image, mask, PIXELS)
    width = max(2, min(image.shape) // 12)
    inside = np.zeros(image.shape, dtype=bool)
    inside[width:-width, width:-width] = True
    rim = ~mask & ~inside
    if rim.sum() > 100:
        rim_level, rim_rms = background(image, ~rim, PIXELS)
        if rim_level < level - 0.1 * rim_rms or rms <= 0:
            level, rms = rim_level, rim_rms if rim_rms > 0 else rms
    if rms <= 0:  # a noiseless image
        values = image[~mask]
        rms = 1e-4 * float(np.max(np.abs(values - level))) or 1.0
    return level, rms


def detect(image: np.ndarray, mask: np.ndarray, rms: float, target: tuple[float, float]) -> Detection:
    """The object at the target's place.

    Parameters
    ----------
    image : ndarray, (H, W)
        Sky-subtracted, native, contiguous.
    mask : ndarray of bool, (H, W)
        True = ignored.
    rms : float
        Scatter of the sky.
    target : (x, y)
        Where the target is expected.

    Returns
    -------
    Detection
        Its place, a rough radius (pixels), and a mask of all other objects. `found` is False
        when nothing is there; the place is then the expected one.
    """
    scaled = np.ascontiguousarray(image / rms)
    nothing = Detection(*target, np.zeros(image.shape, dtype=bool), 0.05 * min(image.shape), False)
    try:
        objects, labels = sep.extract(
            scaled, 1.5, mask=mask.copy(), minarea=5, deblend_cont=0.01, segmentation_map=True
        )
    except Exception:  # sep raises bare Exceptions when its buffers overflow
        return nothing
    if len(objects) == 0:
        return nothing
    label = _target(objects, labels, target)
    if label == 0:
        return nothing._replace(others=grown(labels > 0))
    chosen = objects[label - 1]
    radius = float(np.sqrt(max(chosen["npix"], 5) / np.pi))
    others = grown((labels > 0) & (labels != label)) & (labels != label)
    return Detection(float(chosen["x"]), float(chosen["y"]), others, radius, True)


class Other(NamedTuple):
    """An object that is not the target: its place, the flux seen in its pixels, and which these are."""

    x: float
    y: float
    flux: float
    area: np.ndarray


def others(galaxy: Galaxy) -> list[Other]:
    """Every object but the target, brightest first: from the segmentation map where there is one.

    Parameters
    ----------
    galaxy : Galaxy
        Checked by the survey.
    """
    level, rms = sky_and_scatter(galaxy.image, galaxy.mask)
    light = (galaxy.image - level) / rms
    labels = galaxy.segments
    if labels is None or not labels.any():
        labels = _labels(light, galaxy)
    found = []
    for label in np.unique(labels[labels > 0]):
        area = labels == label
        weight = np.where(area, np.maximum(light, 0.0), 0.0)
        total = float(weight.sum())
        if area.sum() < _LEAST_AREA or total <= 0:
            continue
        ys, xs = np.nonzero(area)
        x, y = float((xs * weight[area]).sum()) / total, float((ys * weight[area]).sum()) / total
        found.append(Other(x, y, total * rms, area))
    return sorted(found, key=lambda other: -other.flux)


def _labels(light: np.ndarray, galaxy: Galaxy) -> np.ndarray:
    """Objects that sep finds, the target's label taken out."""
    try:
        objects, labels = sep.extract(
            np.ascontiguousarray(light), 1.5, mask=galaxy.mask.copy(), minarea=_LEAST_AREA,
            deblend_nthresh=64, deblend_cont=0.005, segmentation_map=True,
        )  # fmt: skip
    except Exception:  # sep raises bare Exceptions when its buffers overflow
        return np.zeros(galaxy.shape, dtype=np.int32)
    if len(objects) == 0:
        return np.zeros(galaxy.shape, dtype=np.int32)
    return np.where(labels == _target(objects, labels, galaxy.target), 0, labels)


def _target(objects: np.ndarray, labels: np.ndarray, target: tuple[float, float]) -> int:
    """Label of the object that covers the place, or of the nearest within reach; 0 if there is none."""
    rows, columns = labels.shape
    x, y = target
    row, column = min(max(round(y), 0), rows - 1), min(max(round(x), 0), columns - 1)
    if labels[row, column]:
        return int(labels[row, column])
    distance = np.hypot(objects["x"] - x, objects["y"] - y)
    reach = np.maximum(0.08 * min(rows, columns), 2.0 * objects["a"])
    nearest = int(np.argmin(distance / reach))
    return nearest + 1 if distance[nearest] < reach[nearest] else 0


def grown(area: np.ndarray, pixels: int = 1) -> np.ndarray:
    """The area and a rim around it."""
    for _ in range(pixels):
        wide = area.copy()
        wide[1:] |= area[:-1]
        wide[:-1] |= area[1:]
        area = wide.copy()
        area[:, 1:] |= wide[:, :-1]
        area[:, :-1] |= wide[:, 1:]
    return area
