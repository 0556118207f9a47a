"""Real surveys as they come."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from galviewer import survey
from galviewer.flags import Flag


def test_simulated_folder_takes_the_right_psf_and_no_cube(shared_data):
    found = survey.scan(shared_data / "galsim_single")
    assert len(found) == 128
    assert {Path(entry.paths["psf"]).name for entry in found.entries} == {"psf.fits"}
    assert {problem.whose for problem in found.problems} == {
        "noiseless.fits",
        "psf_nopixel.fits",
        "psf_os5.fits",
    }


@pytest.mark.parametrize(
    ("folder", "count", "flags"),
    [
        ("galmoss_sdss3", 3, 0),
        ("pymorph_sdss", 4, 0),
        ("pysersic_hsc3_legacy", 6, 0),
        ("ngc4261", 2, Flag.SIGMA_BUILT),
    ],
)
def test_survey_folders_need_no_repair(shared_data, folder, count, flags):
    good = [
        (galaxy, problems) for entry, galaxy, problems in survey.check(shared_data / folder) if entry.paths
    ]
    assert len(good) == count
    for galaxy, _ in good:
        assert galaxy is not None
        assert galaxy.flags == flags
        assert np.isfinite(galaxy.image).all()


def test_kids_in_maggies_with_ringing_psfs(shared_data):
    for entry, galaxy, _ in survey.check(shared_data / "profit_gama"):
        assert galaxy is not None, entry.name
        assert galaxy.psf is not None
        assert galaxy.psf.min() >= 0
        assert galaxy.zeropoint == 0.0
        assert galaxy.pixel_scale == 0.2


def test_star_stamp_off_its_centre_is_recentred(shared_data):
    entry = survey.scan(shared_data / "petrofit_abell2744")["A2744_dwarf_F105W"]
    galaxy = survey.read(entry)
    assert galaxy.flags & Flag.INPUT_REPAIRED
    assert galaxy.psf is not None
    peak = np.unravel_index(np.argmax(galaxy.psf), galaxy.psf.shape)
    assert peak == (25, 25)
