"""PSF stamps: normalised, centred, refused."""

from __future__ import annotations

import numpy as np
import pytest

from galviewer.survey.problem import Findings
from galviewer.survey.psf import prepare_psf


def stamp(rows, columns, x, y, width=1.6, total=1.0):
    j, i = np.mgrid[:rows, :columns]
    psf = np.exp(-0.5 * ((i - x) ** 2 + (j - y) ** 2) / width**2)
    return total * psf / psf.sum()


def centroid(psf):
    j, i = np.mgrid[: psf.shape[0], : psf.shape[1]]
    return (psf * i).sum() / psf.sum(), (psf * j).sum() / psf.sum()


def prepared(psf):
    findings = Findings("g", [])
    return prepare_psf(psf, findings), findings.problems


@pytest.mark.parametrize(("rows", "columns"), [(25, 25), (24, 24), (25, 30), (31, 21)])
def test_a_good_stamp_stays(rows, columns):
    psf, problems = prepared(stamp(rows, columns, columns // 2, rows // 2))
    assert problems == []
    np.testing.assert_allclose(psf, stamp(rows, columns, columns // 2, rows // 2), atol=1e-15)
    assert not psf.flags.writeable


@pytest.mark.parametrize("total", [12507.0, 1e-9])
def test_any_sum_is_normalised(total):
    psf, problems = prepared(stamp(25, 25, 12, 12, total=total))
    assert psf.sum() == pytest.approx(1.0)
    assert [problem.severity for problem in problems] == ["repaired"]


def test_even_stamp_centred_between_pixels_is_moved_by_half_a_pixel():
    psf, problems = prepared(stamp(24, 24, 11.5, 11.5))
    assert centroid(psf) == pytest.approx((12.0, 12.0), abs=0.01)
    np.testing.assert_allclose(psf, stamp(24, 24, 12, 12), atol=1e-4)
    assert "even side" in str(problems[0])


def test_even_in_one_direction_only():
    psf, _ = prepared(stamp(25, 24, 11.5, 12.0))
    assert centroid(psf) == pytest.approx((12.0, 12.0), abs=0.01)


def test_undersampled_even_stamp_is_kept_with_a_note():
    sharp = np.zeros((10, 10))
    sharp[4:6, 4:6] = 0.25
    sharp[4, 4] = 0.3
    psf, problems = prepared(sharp / sharp.sum() / 1.0)
    assert problems[-1].severity in ("note", "repaired")
    assert psf.min() > -0.05


@pytest.mark.parametrize(("dx", "dy"), [(2, -1), (0, 3), (-1, 0)])
def test_off_centre_stamp_is_moved_by_whole_pixels(dx, dy):
    psf, problems = prepared(stamp(31, 31, 15 + dx, 15 + dy))
    assert centroid(psf) == pytest.approx((15.0, 15.0), abs=0.01)
    assert "off its centre; it was moved by" in str(problems[0])


def test_slightly_off_centre_is_noted_not_changed():
    psf, problems = prepared(stamp(31, 31, 15.4, 15.0))
    assert centroid(psf)[0] == pytest.approx(15.4, abs=0.01)
    assert [problem.severity for problem in problems] == ["note"]


def test_a_little_negative_light_is_noise_and_stays():
    raw = stamp(25, 25, 12, 12)
    raw[0] -= 5e-4
    psf, problems = prepared(raw)
    assert (psf < 0).any()
    assert all(problem.severity != "repaired" for problem in problems if "negative" in problem.what)


def test_more_negative_light_is_cut():
    raw = stamp(25, 25, 12, 12) - 3e-4
    psf, problems = prepared(raw)
    assert psf.min() == 0.0
    assert psf.sum() == pytest.approx(1.0)
    assert "negative pixels" in str(problems[0])


def test_some_undefined_pixels_become_zero():
    raw = stamp(25, 25, 12, 12)
    raw[0, :3] = np.nan
    psf, problems = prepared(raw)
    assert np.isfinite(psf).all()
    assert "3 NaN" in str(problems[0])


def test_asymmetric_stamp_is_not_turned():
    raw = stamp(25, 25, 12, 12) + 0.3 * stamp(25, 25, 15, 12)
    psf, _ = prepared(raw / raw.sum())
    np.testing.assert_allclose(psf, raw / raw.sum())
