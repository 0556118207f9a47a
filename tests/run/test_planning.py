from __future__ import annotations

import gzip
import io

import numpy as np
import pytest
from astropy.io import fits

from galviewer import survey
from galviewer.run import planning


@pytest.mark.parametrize(("galaxies", "size"), [(1, 4), (24, 4), (128, 11), (10_000, 24), (100_000, 50)])
def test_parts_are_neither_too_many_nor_too_large(galaxies, size):
    assert planning.default_part_size(galaxies) == size
    assert -(-galaxies // size) <= planning.MOST_PARTS


def test_every_galaxy_once_and_equal_shapes_together(galaxies, add_galaxy):
    for k in range(3):
        add_galaxy(galaxies, f"g{k}_wide", 50 + k, side=52, height=36)
    entries = survey.scan(galaxies).entries
    plan = planning.make_plan(entries, part_size=4)
    assert sorted(index for part in plan.parts for index in part) == list(range(len(entries)))
    for part in plan.parts:
        assert len({entries[k].name.endswith("_wide") for k in part}) == 1
    assert planning.make_plan(entries, part_size=4) == plan
    assert planning.repeat_plan(entries, plan.rows(), "run") == plan
    assert planning.repeat_plan(entries[::-1], plan.rows(), "run") == plan  # whatever order the folder tells


def as_bytes(*hdus):
    file = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(file)
    return file.getvalue()


def test_sides_from_headers():
    array = np.zeros((7, 11), dtype=np.float32)
    plain = as_bytes(fits.PrimaryHDU(array))
    assert planning.image_sides(plain) == (11, 7)
    assert planning.image_sides(gzip.compress(plain)) == (11, 7)
    assert planning.image_sides(as_bytes(fits.PrimaryHDU(), fits.ImageHDU(array))) == (11, 7)
    assert planning.image_sides(as_bytes(fits.PrimaryHDU(), fits.CompImageHDU(array))) == (11, 7)
    assert planning.image_sides(b"nothing") == ()
    assert planning.image_sides(b"\x1f\x8bnothing") == ()
    assert planning.image_sides(b"") == ()


def test_checksums_see_files_and_table_values(galaxies):
    import dataclasses

    entries = survey.scan(galaxies).entries
    plan = planning.make_plan(entries)
    assert len(set(plan.checksums)) == len(entries)
    moved = [dataclasses.replace(entries[0], x=3.0, y=4.0), *entries[1:]]
    assert planning.make_plan(moved).checksums[0] != plan.checksums[0]
    assert planning.make_plan(moved).checksums[1:] == plan.checksums[1:]
    gone = [dataclasses.replace(entries[0], paths={"image": "/nowhere.fits"}), *entries[1:]]
    assert planning.make_plan(gone).checksums[0] != plan.checksums[0]
