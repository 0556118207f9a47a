"""Segmentation map to mask: every segment but the target's is ignored."""

from __future__ import annotations

import numpy as np

from galviewer.survey.problem import Findings


def others(
    seg: np.ndarray, target: int | None, centre: tuple[float, float] | None, findings: Findings
) -> np.ndarray:
    """Pixels of the segments that are not the target.

    Parameters
    ----------
    seg : ndarray, (H, W)
        Labels; 0 is sky.
    target : int, optional
        The target's label; found at its centre if None.
    centre : (x, y), optional
        The target's place; the image's centre if None.
    findings : Findings
        Gets a note when no segment lies exactly there.

    Returns
    -------
    ndarray of bool, (H, W)
        True = ignored.

    Raises
    ------
    InputError
        The given label does not occur.
    """
    labels = np.nan_to_num(np.asarray(seg), nan=0.0).astype(np.int64)
    if target is None:
        target = _label_at(labels, centre, findings)
    elif not np.any(labels == target):
        some = ", ".join(map(str, np.unique(labels[labels != 0])[:8])) or "none"
        raise findings.error(
            f"the segmentation map has no label {target}; its labels are {some}", "the target's label",
            "correct the column 'target' or the card TARGSEG",
        )  # fmt: skip
    return (labels != 0) & (labels != target)


def _label_at(labels: np.ndarray, centre: tuple[float, float] | None, findings: Findings) -> int:
    """Label at the target's place, or the nearest within a twentieth of the side; 0 if there is none."""
    rows, columns = labels.shape
    x, y = centre if centre is not None else (0.5 * (columns - 1), 0.5 * (rows - 1))
    label = int(labels[round(y), round(x)])
    if label:
        return label
    ys, xs = np.nonzero(labels)
    if len(ys):
        distance = np.hypot(ys - y, xs - x)
        nearest = int(np.argmin(distance))
        if distance[nearest] <= max(3.0, 0.05 * min(rows, columns)):
            label = int(labels[ys[nearest], xs[nearest]])
            findings.note(
                f"the segmentation map is empty at the target; label {label}, "
                f"{distance[nearest]:.1f} pixels away, is taken",
                "a segment there",
                "name it in a column 'target'",
            )  # fmt: skip
            return label
    findings.note(
        "no segment lies at the target's place; all segments are ignored", "a segment there",
        "name the target's label in a column 'target' or a card TARGSEG",
    )  # fmt: skip
    return 0
