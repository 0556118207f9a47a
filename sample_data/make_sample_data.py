"""Draw the 24 sample galaxies with GalSim, a renderer that shares no code with galviewer.

``python sample_data/make_sample_data.py [FOLDER]`` writes the galaxies, ``truth.csv`` and ``bad/``. Seeds are
fixed: the same GalSim and numpy give the same pixels (tests/unit/test_sample_data.py compares).
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from dataclasses import dataclass
from pathlib import Path

import galsim
import numpy as np
from astropy.io import fits

SCALE = 0.396  # arcsec per pixel
ZEROPOINT = 22.5  # images are in nanomaggies
GAIN = 900.0  # electrons per nanomaggy
SKY_SIGMA = 0.025  # noise of the empty sky, nanomaggies per pixel
PSF_SIDE = 41
SEED = 20261120
# Against twice tighter settings, sum((difference / sigma)^2) changes by less than 0.001 in every galaxy.
ACCURATE = galsim.GSParams(
    folding_threshold=5e-4, maxk_threshold=2e-4, kvalue_accuracy=1e-6, maximum_fft_size=16384
)


@dataclass(frozen=True)
class Part:
    """One component of a galaxy: share of the flux, half-light radius along the major axis, shape."""

    name: str
    share: float
    r_eff: float = 0.0
    n: float = 0.0
    q: float = 1.0
    pa: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """What to draw: template to fit it with, stamp, total signal to noise, parts, surroundings."""

    name: str
    model: str
    shape: tuple[int, int]
    snr: float
    parts: tuple[Part, ...]
    neighbours: tuple[tuple[float, float, float, float], ...] = ()  # dx, dy, flux ratio, r_eff; pixels
    sky: float = 0.0  # left-over sky in units of SKY_SIGMA
    masked_by: str = "mask"


def _sersic(
    number: int,
    shape: tuple[int, int],
    snr: float,
    r_eff: float,
    n: float,
    q: float,
    pa: float,
    model: str = "sersic",
    **more,
):
    return Recipe(f"gv{number:02d}", model, shape, snr, (Part("sersic", 1.0, r_eff, n, q, pa),), **more)


def _two(number: int, shape: tuple[int, int], snr: float, bulge: Part, disk: Part, **more):
    return Recipe(f"gv{number:02d}", "bulge+disk", shape, snr, (bulge, disk), **more)


RECIPES: tuple[Recipe, ...] = (
    _sersic(1, (128, 128), 250, 8.0, 1.0, 0.55, 35.0),
    _sersic(2, (128, 128), 400, 6.5, 4.0, 0.85, 120.0),
    _sersic(3, (128, 128), 120, 12.0, 0.6, 0.30, 80.0),
    _sersic(4, (96, 96), 60, 3.0, 1.5, 0.70, 10.0),
    _sersic(5, (96, 96), 30, 2.0, 2.5, 0.60, 150.0),
    _sersic(6, (128, 128), 500, 5.0, 6.0, 0.90, 65.0),
    _sersic(7, (160, 160), 300, 25.0, 1.0, 0.75, 145.0),
    _sersic(8, (160, 160), 350, 16.0, 3.5, 0.65, 20.0, neighbours=((48, 30, 0.05, 2.0),)),
    _sersic(9, (96, 96), 10, 3.5, 1.0, 0.80, 100.0),
    _sersic(10, (128, 128), 20, 5.5, 1.2, 0.50, 5.0),
    _sersic(11, (128, 128), 90, 14.0, 1.0, 0.20, 60.0),
    _sersic(
        12,
        (128, 128),
        200,
        9.0,
        2.0,
        0.40,
        170.0,
        neighbours=((-38, 22, 0.2, 3.0), (30, -41, 0.1, 2.0)),
        masked_by="seg",
    ),
    _sersic(13, (112, 144), 150, 7.0, 3.0, 0.75, 110.0, neighbours=((45, -20, 0.3, 3.5),)),
    _sersic(14, (144, 112), 80, 10.0, 0.8, 0.45, 15.0, neighbours=((-8, 46, 0.4, 2.5),)),
    _sersic(
        15, (120, 160), 220, 18.0, 1.5, 0.35, 88.0, neighbours=((-62, 35, 0.1, 2.5), (50, 40, 0.05, 2.0))
    ),
    _sersic(16, (128, 128), 180, 4.0, 5.0, 1.00, 0.0),
    _sersic(17, (128, 128), 45, 6.0, 2.2, 0.95, 130.0, neighbours=((34, 34, 0.6, 3.0),)),
    _sersic(18, (97, 101), 100, 2.6, 3.8, 0.50, 50.0),
    _two(
        19,
        (128, 128),
        400,
        Part("bulge", 0.35, 3.0, 3.0, 0.85, 40.0),
        Part("disk", 0.65, 13.0, 1.0, 0.45, 50.0),
    ),
    _two(
        20,
        (128, 128),
        300,
        Part("bulge", 0.15, 2.2, 1.5, 0.90, 10.0),
        Part("disk", 0.85, 10.0, 1.0, 0.70, 160.0),
    ),
    _two(
        21,
        (160, 160),
        500,
        Part("bulge", 0.60, 6.0, 4.0, 0.80, 95.0),
        Part("disk", 0.40, 20.0, 1.0, 0.30, 100.0),
        neighbours=((-55, -40, 0.03, 2.0),),
    ),
    _two(
        22,
        (128, 128),
        200,
        Part("bulge", 0.45, 2.5, 2.0, 0.65, 75.0),
        Part("disk", 0.55, 9.0, 1.0, 0.60, 20.0),
    ),
    Recipe(
        "gv23",
        "sersic+point",
        (128, 128),
        260,
        (Part("sersic", 0.75, 8.5, 1.3, 0.60, 115.0), Part("point", 0.25)),
    ),
    _sersic(24, (128, 128), 160, 7.5, 1.8, 0.65, 25.0, model="sersic+sky", sky=0.4),
)


def draw_psf(rng: np.random.Generator) -> tuple[galsim.GSObject, float]:
    """A slightly elongated Moffat star before the pixel response, and its FWHM in arcsec."""
    fwhm = float(rng.uniform(1.05, 1.45))
    shear = galsim.Shear(g=float(rng.uniform(0.0, 0.05)), beta=float(rng.uniform(0, 180)) * galsim.degrees)
    return galsim.Moffat(beta=3.5, fwhm=fwhm, gsparams=ACCURATE).shear(shear), fwhm


def draw_object(part: Part, flux: float) -> galsim.GSObject:
    """One component before the PSF; galviewer's pa runs from +y, GalSim's beta from +x."""
    if part.name == "point":
        return galsim.DeltaFunction(flux=flux, gsparams=ACCURATE)
    radius = part.r_eff * np.sqrt(part.q) * SCALE
    profile = galsim.Sersic(n=part.n, half_light_radius=radius, flux=flux, gsparams=ACCURATE)
    return profile.shear(q=part.q, beta=(part.pa + 90.0) * galsim.degrees)


def draw(
    objects: galsim.GSObject, psf: galsim.GSObject, shape: tuple[int, int], x: float, y: float
) -> np.ndarray:
    """Noiseless stamp; GalSim integrates over the pixel, so a stamp of `psf` alone is an effective PSF."""
    height, width = shape
    offset = (x - (width - 1) / 2, y - (height - 1) / 2)
    stamp = galsim.Convolve([objects, psf], gsparams=ACCURATE).drawImage(
        nx=width, ny=height, scale=SCALE, offset=offset, method="auto", dtype=float
    )
    return np.array(stamp.array)


def flux_for_snr(unit: np.ndarray, snr: float) -> float:
    """Flux at which sqrt(sum((model / sigma)^2)) equals `snr`, by bisection in its logarithm."""
    low, high = 1e-3, 1e7
    for _ in range(80):
        flux = np.sqrt(low * high)
        reached = np.sqrt(np.sum((flux * unit) ** 2 / (SKY_SIGMA**2 + np.maximum(flux * unit, 0) / GAIN)))
        low, high = (flux, high) if reached < snr else (low, flux)
    return float(np.sqrt(low * high))


def make_galaxy(recipe: Recipe, number: int) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """Arrays (image, sigma, psf, and mask or seg) and the row of truth of one galaxy."""
    rng = np.random.default_rng([SEED, number])
    psf, fwhm = draw_psf(rng)
    height, width = recipe.shape
    x = (width - 1) / 2 + float(rng.uniform(-1.2, 1.2))
    y = (height - 1) / 2 + float(rng.uniform(-1.2, 1.2))
    unit = draw(galsim.Add([draw_object(p, p.share) for p in recipe.parts]), psf, recipe.shape, x, y)
    flux = flux_for_snr(unit, recipe.snr)
    model, labels = flux * unit, np.zeros(recipe.shape, dtype=np.int16)
    for label, (dx, dy, ratio, r_eff) in enumerate(recipe.neighbours, start=2):
        other = draw_object(Part("neighbour", 1.0, r_eff, 1.0, 0.8, 37.0 * label), ratio * flux)
        light = draw(other, psf, recipe.shape, x + dx, y + dy)
        labels[light > 0.03 * SKY_SIGMA] = label
        model = model + light
    sigma = np.sqrt(SKY_SIGMA**2 + np.maximum(model, 0) / GAIN)
    image = model + recipe.sky * SKY_SIGMA + sigma * rng.standard_normal(recipe.shape)
    star = draw(
        galsim.DeltaFunction(gsparams=ACCURATE), psf, (PSF_SIDE, PSF_SIDE), PSF_SIDE // 2, PSF_SIDE // 2
    )
    arrays = {"image": image, "sigma": sigma, "psf": star / star.sum()}
    if recipe.neighbours and recipe.masked_by == "seg":
        target = (flux * unit > SKY_SIGMA) & (labels == 0)
        arrays["seg"] = np.where(target, 1, labels).astype(np.int16)
    elif recipe.neighbours:
        arrays["mask"] = (labels > 0).astype(np.uint8)
    return arrays, truth_row(recipe, x, y, flux, fwhm)


def truth_row(recipe: Recipe, x: float, y: float, flux: float, fwhm: float) -> dict[str, object]:
    """What was drawn, in the columns of galviewer's catalogue."""
    row: dict[str, object] = {
        "name": recipe.name,
        "model": recipe.model,
        "height": recipe.shape[0],
        "width": recipe.shape[1],
        "snr": recipe.snr,
        "psf_fwhm": f"{fwhm / SCALE:.4f}",
        "neighbours": len(recipe.neighbours),
        "mag": f"{ZEROPOINT - 2.5 * np.log10(flux):.6f}",
        "sky_level": f"{recipe.sky * SKY_SIGMA:.6f}",
    }
    for part in recipe.parts:
        values: dict[str, float] = {"x": x, "y": y, "mag": ZEROPOINT - 2.5 * np.log10(flux * part.share)}
        if part.name != "point":
            values["r_eff"] = part.r_eff
            if part.name != "disk":
                values["n"] = part.n
            values |= {"q": part.q, "pa": part.pa}
        row |= {f"{part.name}_{key}": f"{value:.6f}" for key, value in values.items()}
    return row


def header_for(recipe: Recipe, number: int, shape: tuple[int, int]) -> fits.Header:
    """Cards of a calibrated survey stamp: filter, zeropoint, gain, and a WCS with its own rotation."""
    rng = np.random.default_rng([SEED, number, 1])
    angle = float(rng.uniform(-30, 30))
    cos, sin = np.cos(np.radians(angle)) * SCALE / 3600, np.sin(np.radians(angle)) * SCALE / 3600
    cards = {
        "OBJECT": recipe.name,
        "FILTER": "r",
        "BUNIT": "nanomaggy",
        "MAGZP": ZEROPOINT,
        "PIXSCALE": SCALE,
        "GAIN": GAIN,
        "EXPTIME": 1.0,
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CUNIT1": "deg",
        "CUNIT2": "deg",
        "CRPIX1": (shape[1] + 1) / 2,
        "CRPIX2": (shape[0] + 1) / 2,
        "CRVAL1": round(float(rng.uniform(120, 240)), 6),
        "CRVAL2": round(float(rng.uniform(0, 50)), 6),
        "CD1_1": -cos,
        "CD1_2": sin,
        "CD2_1": sin,
        "CD2_2": cos,
        "RADESYS": "ICRS",
        "ORIGIN": "GalSim simulation",
    }
    header = fits.Header()
    for key, value in cards.items():
        header[key] = value
    return header


def write_fits(path: Path, data: np.ndarray, header: fits.Header | None = None) -> None:
    """Write one gzipped FITS image whose bytes depend on the pixels and cards alone."""
    buffer = io.BytesIO()
    fits.PrimaryHDU(data, header).writeto(buffer)
    path.write_bytes(gzip.compress(buffer.getvalue(), 9, mtime=0))


def write_galaxy(recipe: Recipe, number: int, folder: Path) -> dict[str, object]:
    """Draw one galaxy into `folder` and return its row of truth."""
    arrays, row = make_galaxy(recipe, number)
    for kind, data in arrays.items():
        header = header_for(recipe, number, data.shape) if kind == "image" else None
        single = data.astype(np.float32) if data.dtype == float else data
        write_fits(folder / f"{recipe.name}_{kind}.fits.gz", single, header)
    return row


def main(folder: Path) -> None:
    """Write every galaxy, the truth table, and the broken inputs."""
    from make_bad_data import write_bad  # a sibling script

    folder.mkdir(parents=True, exist_ok=True)
    rows = [write_galaxy(recipe, number, folder) for number, recipe in enumerate(RECIPES, start=1)]
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    write_bad(folder / "bad")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
