"""Starts and bounds that a galaxy brings along; likelihoods of counts in a run of several."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from galviewer import guess, model
from galviewer.errors import InputError, ModelError, SettingsError
from galviewer.fit import FitSettings
from galviewer.flags import Flag
from galviewer.run.single import fit_galaxies
from galviewer.survey import Galaxy
from galviewer.survey.table import read_rows

SERSIC = model.template("sersic")


def _galaxy(name="g", **more):
    y, x = np.mgrid[:41, :41] - 20
    light = 300.0 * np.exp(-1.678 * np.hypot(x, y / 0.7) / 4.0)
    noisy = np.random.default_rng(3).poisson(light + 5.0) - 5.0
    return Galaxy.from_arrays(noisy, np.sqrt(light + 5.0), name=name, sky_level=5.0, **more)


def test_bounds_and_starts_of_one_galaxy():
    one = guess.bring(_galaxy("a"), {"sersic.n": 0.8}, {"sersic_n": (0.5, 0.9)}, SERSIC)
    fits = fit_galaxies([one, _galaxy("b")], SERSIC, FitSettings(), images=False)
    assert fits[0].starts[SERSIC.index("sersic_n")] == 0.8
    assert fits[0].value("sersic_n") == pytest.approx(0.9)
    assert fits[1].value("sersic_n") == pytest.approx(1.0, abs=0.06)


def test_the_same_in_one_call():
    galaxies = [_galaxy("a"), _galaxy("b")]
    fits = fit_galaxies(
        galaxies, SERSIC, starts=[{"sersic.n": 0.8}, None], bounds=[{"sersic_n": (0.5, 0.9)}, None]
    )
    assert fits[0].starts[SERSIC.index("sersic_n")] == 0.8
    assert fits[0].value("sersic_n") == pytest.approx(0.9)
    assert fits[1].value("sersic_n") == pytest.approx(1.0, abs=0.06)
    with pytest.raises(SettingsError, match="bounds: are 1; expected 2"):
        fit_galaxies(galaxies, SERSIC, bounds=[None])


def test_what_cannot_be_is_named():
    with pytest.raises(ModelError, match="sersic_width"):
        guess.bring(_galaxy(), {"sersic_width": 1.0}, model=SERSIC)
    with pytest.raises(InputError, match="sersic_n has the bounds"):
        guess.bring(_galaxy(), bounds={"sersic.n": (3.0, 2.0)}, model=SERSIC)
    wrong = replace(_galaxy("w"), given={"sersic_width_lower": 1.0})
    fits = fit_galaxies([wrong, _galaxy("b")], SERSIC, images=False)
    assert fits[0].flags & Flag.FAILED
    assert "'sersic_width_lower'" in fits[0].message
    assert fits[1].usable


def test_columns_of_a_table(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("name,image,sersic_N_upper,sersic_mag,remark\na,a.fits,2.5,17,fine\nb,b.fits,,,\n")
    entries, problems = read_rows(table)
    assert not problems
    assert [entry.given for entry in entries] == [{"sersic_n_upper": 2.5, "sersic_mag": 17.0}, {}]


def test_a_galaxy_without_gain_fails_alone():
    galaxies = [_galaxy("a", gain=1.0), _galaxy("b"), _galaxy("c", gain=1.0)]
    fits = fit_galaxies(galaxies, SERSIC, FitSettings(likelihood="poisson"), images=False)
    assert [bool(fit.flags & Flag.FAILED) for fit in fits] == [False, True, False]
    assert "b: has no gain" in fits[1].message
    assert fits[0].likelihood == "poisson"
    assert fits[0].value("sersic_n") == pytest.approx(1.0, abs=0.06)
