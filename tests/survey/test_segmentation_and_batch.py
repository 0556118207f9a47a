"""Segmentation maps as masks; galaxies to tensors."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer import survey
from galviewer.errors import InputError, SettingsError
from galviewer.flags import Flag
from galviewer.survey import Galaxy, collate, group


def segments():
    seg = np.zeros((40, 48), dtype=np.int16)
    seg[15:25, 18:30] = 2
    seg[0:5, 0:5] = 1
    seg[30:38, 40:46] = 7
    return seg


def test_the_label_at_the_centre_is_the_target(folder):
    galaxy = Galaxy.from_arrays(folder.image, folder.sigma, seg=segments())
    np.testing.assert_array_equal(galaxy.mask, np.isin(segments(), (1, 7)))


def test_card_wins_over_the_centre_and_row_over_the_card(folder):
    folder.galaxy("a")
    folder.write("a_seg.fits", segments(), TARGSEG=7)
    entry = survey.scan(folder.path)["a"]
    np.testing.assert_array_equal(survey.read(entry).mask, np.isin(segments(), (1, 2)))
    row = survey.Entry("a", entry.paths, target=1)
    np.testing.assert_array_equal(survey.read(row).mask, np.isin(segments(), (2, 7)))


def test_mask_and_segments_add_up(folder):
    folder.galaxy("a", mask=(np.arange(40)[:, None] < 2) * np.ones((1, 48), np.uint8))
    folder.write("a_seg.fits", segments())
    mask = survey.read(survey.scan(folder.path)["a"]).mask
    assert mask[0].all()
    assert mask[32, 42]


def test_nearest_segment_is_taken_with_a_note(folder):
    seg = segments()
    seg[:, :26][seg[:, :26] == 2] = 0  # the target's segment now begins two pixels from the centre
    galaxy = Galaxy.from_arrays(folder.image, folder.sigma, seg=seg)
    assert not galaxy.mask[20, 27]
    assert "label 2" in galaxy.notes[0]


def test_no_segment_there_and_unknown_label(folder):
    seg = np.where(segments() == 2, 0, segments())
    galaxy = Galaxy.from_arrays(folder.image, folder.sigma, seg=seg)
    assert "all segments are ignored" in galaxy.notes[0]
    with pytest.raises(InputError, match="no label 5; its labels are 1, 2, 7"):
        Galaxy.from_arrays(folder.image, folder.sigma, seg=segments(), target=5)


def galaxies(folder):
    wide = Galaxy.from_arrays(folder.image, folder.sigma, folder.psf, name="wide", zeropoint=22.5)
    same = Galaxy.from_arrays(folder.image + 1, folder.sigma, folder.psf, name="same", zeropoint=20.0)
    tall = Galaxy.from_arrays(folder.image.T, folder.sigma.T, folder.psf, name="tall")
    bare = Galaxy.from_arrays(folder.image, folder.sigma, name="bare")
    return [wide, tall, same, bare]


def test_group_keeps_shapes_apart_and_every_index(folder):
    many = galaxies(folder)
    assert group(many, 8) == [[0, 2], [1], [3]]
    assert group(many, 1) == [[0], [2], [1], [3]]
    assert group([(3, 4), (4, 3), (3, 4)], 2) == [[0, 2], [1]]
    with pytest.raises(SettingsError):
        group(many, 0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_collate(folder, dtype):
    import torch

    many = galaxies(folder)
    batch = collate([many[0], many[2]], dtype=dtype)
    assert batch.names == ("wide", "same")
    assert batch.image.shape == (2, 40, 48)
    assert batch.image.dtype == getattr(torch, dtype)
    assert batch.mask.dtype == torch.bool
    assert batch.psf is not None
    assert batch.psf.shape == (2, 15, 15)
    assert batch.zeropoint.tolist() == [22.5, 20.0]
    assert collate([many[3]]).psf is None
    with pytest.raises(SettingsError, match="2 different shapes"):
        collate(many[:2])


def test_flags_say_what_is_missing(folder):
    assert galaxies(folder)[3].flags == Flag.NO_PSF
