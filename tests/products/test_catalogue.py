from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from galviewer import conventions, flags
from galviewer import model as models
from galviewer.products import catalogue
from galviewer.products.photometry import HalfLight


@pytest.mark.parametrize("template", models.TEMPLATES)
def test_every_column_is_described_once(template, make):
    infos = catalogue.columns(models.load(template))
    names = [info.name for info in infos]
    assert len(set(names)) == len(names)
    assert all(info.description.strip() for info in infos)
    assert list(catalogue.row(make(template))) == names


def test_columns_start_with_name_and_parameters():
    names = [info.name for info in catalogue.columns(models.load("sersic"))]
    assert names[:4] == ["name", "sersic_x", "sersic_x_err", "sersic_x_init"]


def test_values_errors_and_starts_are_the_fits(fit):
    row = catalogue.row(fit)
    for k, column in enumerate(fit.model.columns):
        assert row[column] == fit.parameters[k]
        assert row[f"{column}_init"] == fit.starts[k]
        np.testing.assert_equal(row[f"{column}_err"], fit.errors[k])
    assert row["flag_names"] == "at_bound,input_repaired"
    assert row["message"].startswith("2 pixels")
    assert (row["image_width"], row["image_height"]) == (41, 31)


def test_fluxes_and_fractions(fit):
    row = catalogue.row(fit)
    bulge, disk = 10 ** (-0.4 * (18.5 - 22.5)), 10 ** (-0.4 * (17.0 - 22.5))
    assert row["bulge_flux"] == pytest.approx(bulge)
    assert row["bt"] == row["bulge_fraction"] == pytest.approx(bulge / (bulge + disk))
    assert row["bulge_fraction"] + row["disk_fraction"] == pytest.approx(1.0)
    assert row["total_mag"] == pytest.approx(22.5 - 2.5 * math.log10(bulge + disk))
    assert "sky_flux" not in row


def test_errors_of_derived_columns_against_random_draws(fit):
    """Parameters drawn from the covariance scatter the derived columns by their errors."""
    free = list(fit.model.free)
    draws = np.random.default_rng(5).multivariate_normal(fit.parameters[free], fit.covariance, 3000)
    columns = ["bulge_flux", "bulge_fraction", "bt", "total_mag", "bulge_mu_eff", "disk_mu_eff"]
    scatter = []
    for draw in draws:
        values = fit.parameters.copy()
        values[free] = draw
        row = catalogue.row(dataclasses.replace(fit, parameters=values))
        scatter.append([row[column] for column in columns])
    row = catalogue.row(fit)
    errors = [row[f"{column}_err"] for column in columns]
    np.testing.assert_allclose(np.std(scatter, axis=0), errors, rtol=0.08)


def test_ties_carry_covariance(make):
    model = models.load("bulge+disk").replace("disk_mag", tied=models.Tie("bulge.mag", 1.0, -1.5))
    fit = make(model)
    covariance = catalogue.full_covariance(fit)
    bulge, disk = model.index("bulge_mag"), model.index("disk_mag")
    assert covariance[disk, disk] == covariance[bulge, bulge] == covariance[bulge, disk] > 0
    row = catalogue.row(fit)
    assert math.isnan(row["bt_err"])  # the ratio is fixed by the tie, so nothing is uncertain
    assert row["total_mag_err"] == pytest.approx(row["bulge_mag_err"])


def test_a_parameter_without_error_counts_as_fixed(fit):
    covariance = fit.covariance.copy()
    k = list(fit.model.free).index(fit.model.index("bulge_n"))
    covariance[k], covariance[:, k] = math.nan, math.nan
    row = catalogue.row(dataclasses.replace(fit, covariance=covariance))
    assert 0 < row["bulge_mu_eff_err"] < catalogue.row(fit)["bulge_mu_eff_err"] * 2
    assert math.isnan(catalogue.row(dataclasses.replace(fit, covariance=np.zeros((0, 0))))["bt_err"])


def test_position_and_angle_on_the_sky(fit, make):
    row = catalogue.row(fit)
    assert (row["bulge_ra"], row["bulge_dec"]) == (pytest.approx(150.0), pytest.approx(20.0))
    assert row["bulge_pa_sky"] == pytest.approx(30.0, abs=1e-3)  # north up, east left
    assert row["disk_pa_sky"] == pytest.approx(conventions.pa_to_sky(33.0, 20.0, 15.0, fit.galaxy.wcs))
    bare = catalogue.row(make(wcs=None, pixel_scale=None))
    assert math.isnan(bare["bulge_ra"])
    assert math.isnan(bare["bulge_pa_sky"])
    assert math.isnan(bare["bulge_mu_eff"])


def test_signal_to_noise_leaves_out_sky_and_masked_pixels(fit):
    light = fit.model_image.astype(float) - 0.12
    expected = math.sqrt(np.sum((light / 0.1)[~fit.galaxy.mask] ** 2))
    assert catalogue.row(fit)["snr"] == pytest.approx(expected)
    assert math.isnan(catalogue.row(dataclasses.replace(fit, flags=int(flags.Flag.FAILED)))["snr"])


def test_failed_fits_have_a_row_of_nan(fit):
    missing = np.full(len(fit.parameters), math.nan)
    failed = dataclasses.replace(
        fit, parameters=missing, errors=missing, flags=int(flags.Flag.FAILED), covariance=np.zeros((0, 0)),
        model_image=None, component_images=None, chi2=math.nan, chi2_nu=math.nan, message="no light",
    )  # fmt: skip
    row = catalogue.row(failed)
    assert math.isnan(row["total_mag"])
    assert math.isnan(row["bulge_mu_eff"])
    assert row["message"] == "no light"


def test_skipped_rows_have_the_same_columns(fit):
    row = catalogue.skipped_row("broken", fit.model, "image is truncated")
    assert list(row) == [info.name for info in catalogue.columns(fit.model)]
    assert row["flag_names"] == "skipped"
    assert row["n_pixels"] == -1


def test_a_profile_without_closed_form_asks_the_caller(make):
    row = catalogue.row(make("sersic"), lambda profile, shape: HalfLight(2.0, 3.0))
    assert row["sersic_r_eff_arcsec"] == 1.0
    expected = 17.0 + 2.5 * math.log10(2 * math.pi * 0.6) + 2.5 * math.log10(3.0)
    assert row["sersic_mu_eff"] == pytest.approx(expected)


def test_checksum_sees_every_plane_but_not_the_storage(fit):
    galaxy = fit.galaxy
    known = catalogue.input_checksum(galaxy)
    assert (
        catalogue.input_checksum(dataclasses.replace(galaxy, image=np.asfortranarray(galaxy.image))) == known
    )
    for plane in ("image", "sigma", "psf"):
        changed = getattr(galaxy, plane).copy()
        changed[1, 1] += 1e-9
        assert catalogue.input_checksum(dataclasses.replace(galaxy, **{plane: changed})) != known
    assert catalogue.input_checksum(dataclasses.replace(galaxy, mask=~galaxy.mask)) != known
    assert catalogue.input_checksum(dataclasses.replace(galaxy, psf=None)) != known
