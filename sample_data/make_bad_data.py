"""Write `bad/`: small galaxies, each broken in one way that a survey folder is broken in practice.

``expected.csv`` says of each what galviewer must do with it: ``skipped`` (with a reason), ``repaired``
(fitted, with a note) or ``fine``, and a phrase of the message; :mod:`make_sample_data` calls
:func:`write_bad`.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import galsim
import numpy as np
from astropy.io import fits

SIDE, PSF_SIDE, SCALE, SIGMA = 40, 15, 0.396, 0.03
SEED = 40
Files = dict[str, bytes]


def hdu_bytes(*hdus: fits.hdu.base._BaseHDU) -> bytes:
    """The bytes of a FITS file holding these HDUs."""
    buffer = io.BytesIO()
    fits.HDUList(list(hdus)).writeto(buffer)
    return buffer.getvalue()


def image_bytes(data: np.ndarray, **cards: object) -> bytes:
    """The bytes of a FITS file with one primary image."""
    hdu = fits.PrimaryHDU(data)
    for key, value in cards.items():
        hdu.header[key] = value
    return hdu_bytes(hdu)


def draw(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A healthy small galaxy: image, sigma, effective PSF, all float32."""
    rng = np.random.default_rng([SEED, seed])
    star = galsim.Moffat(beta=3.5, fwhm=1.2)
    body = galsim.Sersic(n=1.0, half_light_radius=1.6, flux=40.0).shear(q=0.6, beta=30 * galsim.degrees)
    model = galsim.Convolve(body, star).drawImage(nx=SIDE, ny=SIDE, scale=SCALE, dtype=float).array
    image = model + SIGMA * rng.standard_normal(model.shape)
    psf = star.drawImage(nx=PSF_SIDE, ny=PSF_SIDE, scale=SCALE, dtype=float).array
    return image.astype("f4"), np.full(model.shape, SIGMA, "f4"), (psf / psf.sum()).astype("f4")


def healthy(seed: int, factor: float = 1.0) -> dict[str, np.ndarray]:
    """The three arrays of a healthy galaxy in a unit `factor` times smaller."""
    image, sigma, psf = draw(seed)
    return {"image": image * np.float32(factor), "sigma": sigma * np.float32(factor), "psf": psf}


def files(arrays: dict[str, np.ndarray], **cards: object) -> Files:
    """FITS bytes of each array; the cards go with the image."""
    cards = {"MAGZP": 22.5, "PIXSCALE": SCALE} | cards
    return {kind: image_bytes(data, **(cards if kind == "image" else {})) for kind, data in arrays.items()}


def changed(kind: str, change: Callable[[np.ndarray], np.ndarray | None]) -> Callable[[int], Files]:
    """A galaxy of which one array is changed; None leaves the file out."""

    def make(seed: int) -> Files:
        arrays = healthy(seed)
        new = change(arrays.pop(kind) if kind != "mask" else np.zeros((SIDE, SIDE), np.uint8))
        return files(arrays | ({} if new is None else {kind: new}))

    return make


def replaced(kind: str, change: Callable[[bytes], bytes]) -> Callable[[int], Files]:
    """A galaxy of which the bytes of one file are changed."""

    def make(seed: int) -> Files:
        made = files(healthy(seed))
        return made | {kind: change(made[kind])}

    return make


def spoil(value: float, count: int = 6) -> Callable[[np.ndarray], np.ndarray]:
    """Put `value` into a few pixels of one row."""

    def change(data: np.ndarray) -> np.ndarray:
        data[5, 3 : 3 + count] = value
        return data

    return change


def table_only(_: bytes) -> bytes:
    """A FITS file with a table and no image."""
    column = fits.Column("flux", "E", array=np.arange(4, dtype="f4"))
    return hdu_bytes(fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column]))


def in_extension(seed: int) -> Files:
    """The image in the first extension, after an empty primary HDU."""
    arrays = healthy(seed)
    made = files(arrays)
    extension = fits.ImageHDU(arrays["image"], name="SCI")
    extension.header["MAGZP"] = 22.5
    return made | {"image": hdu_bytes(fits.PrimaryHDU(), extension)}


def scaled_integers(dtype: str, bzero: float, bscale: float, sky: float = 0) -> Callable[[int], Files]:
    """Integers with BZERO and BSCALE, as cameras write them; `sky` keeps unsigned ones above 0."""

    def make(seed: int) -> Files:
        arrays = healthy(seed, 1000.0)
        counts = np.rint((arrays["image"] + sky - bzero) / bscale).astype(dtype)
        hdu = fits.PrimaryHDU(counts.astype(np.dtype(dtype).newbyteorder(">")))
        made = files(arrays)
        body = hdu_bytes(hdu)
        header = fits.Header.fromstring(body[:2880])
        header["BSCALE"], header["BZERO"], header["MAGZP"] = bscale, bzero, 30.0
        return made | {"image": header.tostring().encode() + body[2880:]}

    return make


def compressed(seed: int) -> Files:
    """A losslessly tile-compressed image (the .fits.fz of surveys)."""
    arrays = healthy(seed)
    image = fits.CompImageHDU(arrays["image"], compression_type="GZIP_2", quantize_level=0)
    image.header["MAGZP"] = 22.5
    return files(arrays) | {"image.fz": hdu_bytes(fits.PrimaryHDU(), image)}


def in_unit(factor: float, zeropoint: float) -> Callable[[int], Files]:
    """A healthy galaxy in a very small or very large unit."""
    return lambda seed: files(healthy(seed, factor), MAGZP=zeropoint)


def off_centre(psf: np.ndarray) -> np.ndarray:
    """The PSF two pixels to the right and one down, as a careless cut-out makes it."""
    return np.roll(psf, (-1, 2), axis=(0, 1))


def between_pixels(psf: np.ndarray) -> np.ndarray:
    """A stamp one row and column smaller, the star in its middle and so between pixels."""
    sums = psf[:-1] + psf[1:]
    return (sums[:, :-1] + sums[:, 1:]) / 4


# name, kind of fault, outcome, phrase of the message, maker
CASES: tuple[tuple[str, str, str, str, Callable[[int], Files]], ...] = (
    ("healthy", "nothing wrong", "fine", "", lambda seed: files(healthy(seed))),
    ("no_psf", "no PSF file", "fine", "has no PSF", changed("psf", lambda psf: None)),
    (
        "no_sigma_but_gain",
        "sigma built from GAIN and RDNOISE",
        "fine",
        "built from gain 2",
        lambda seed: {
            k: v for k, v in files(healthy(seed, 1000.0), GAIN=2.0, RDNOISE=4.0).items() if k != "sigma"
        },
    ),
    (
        "missing_sigma",
        "image without sigma and without gain",
        "fine",
        "the scatter of the background",
        changed("sigma", lambda sigma: None),
    ),
    (
        "missing_image",
        "sigma and PSF without image",
        "skipped",
        "but no image",
        changed("image", lambda image: None),
    ),
    (
        "truncated",
        "file cut off in the pixels",
        "skipped",
        "or damaged",
        replaced("image", lambda b: b[:4300]),
    ),
    (
        "truncated_sigma",
        "sigma cut off in the pixels",
        "skipped",
        "or damaged",
        replaced("sigma", lambda b: b[:4300]),
    ),
    ("empty_file", "file of zero bytes", "skipped", "the file is empty", replaced("image", lambda b: b"")),
    (
        "not_fits",
        "a web page saved as FITS",
        "skipped",
        "not appear to be a valid FITS file",
        replaced("image", lambda b: b"<html><body>404 Not Found</body></html>\n"),
    ),
    (
        "wrong_hdu",
        "a table where the image should be",
        "skipped",
        "has no image in any HDU",
        replaced("image", table_only),
    ),
    (
        "cube",
        "three axes",
        "skipped",
        "has 3 dimensions",
        changed("image", lambda image: np.stack([image, image, image])),
    ),
    (
        "nan_pixels",
        "NaN in six pixels",
        "repaired",
        "6 pixels of the image are NaN",
        changed("image", spoil(np.nan)),
    ),
    (
        "inf_pixels",
        "infinity in six pixels",
        "repaired",
        "6 pixels of the image are NaN or infinite",
        changed("image", spoil(np.inf)),
    ),
    (
        "all_nan",
        "NaN everywhere",
        "skipped",
        "every pixel is masked, NaN or infinite",
        changed("image", lambda image: image * np.nan),
    ),
    (
        "sigma_zero",
        "sigma 0 in six pixels",
        "repaired",
        "6 pixels of the sigma are not positive",
        changed("sigma", spoil(0.0)),
    ),
    (
        "sigma_nan",
        "sigma NaN in six pixels",
        "repaired",
        "6 pixels of the sigma are not positive",
        changed("sigma", spoil(np.nan)),
    ),
    (
        "sigma_negative",
        "sigma below 0 everywhere",
        "skipped",
        "no pixel of the sigma is positive",
        changed("sigma", lambda sigma: -sigma),
    ),
    (
        "shape_mismatch_sigma",
        "sigma of another shape",
        "skipped",
        "the sigma is 36 x 40 pixels, the image 40 x 40",
        changed("sigma", lambda sigma: sigma[:, :-4].copy()),
    ),
    (
        "shape_mismatch_mask",
        "mask of another shape",
        "skipped",
        "the mask is 40 x 36 pixels, the image 40 x 40",
        changed("mask", lambda mask: mask[4:]),
    ),
    (
        "all_masked",
        "every pixel masked",
        "skipped",
        "every pixel is masked",
        changed("mask", lambda mask: mask + np.uint8(1)),
    ),
    ("psf_even", "PSF with even sides", "repaired", "has an even side", changed("psf", between_pixels)),
    (
        "psf_off_centre",
        "PSF not in the middle of its stamp",
        "repaired",
        "it was moved by (-2, 1)",
        changed("psf", off_centre),
    ),
    (
        "psf_negative",
        "PSF with negative pixels",
        "repaired",
        "has negative pixels",
        changed("psf", spoil(-0.02, 3)),
    ),
    (
        "psf_unnormalised",
        "PSF of sum 5000",
        "repaired",
        "the PSF sums to 5000",
        changed("psf", lambda psf: psf * np.float32(5000)),
    ),
    (
        "psf_zero",
        "PSF of zeros",
        "skipped",
        "no positive pixel",
        changed("psf", lambda psf: psf * np.float32(0)),
    ),
    ("psf_nan", "NaN in the PSF", "repaired", "2 NaN or infinite pixels", changed("psf", spoil(np.nan, 2))),
    ("image_in_extension", "image after an empty primary HDU", "fine", "", in_extension),
    (
        "uint16_bzero",
        "unsigned 16-bit integers (BZERO 32768)",
        "fine",
        "",
        scaled_integers("i2", 32768.0, 1.0, sky=500),
    ),
    ("int16_bscale", "16-bit integers, BSCALE and BZERO", "fine", "", scaled_integers("i2", -50.0, 0.25)),
    ("int32_big_endian", "32-bit big-endian integers", "fine", "", scaled_integers("i4", 0.0, 1.0)),
    ("compressed_fz", "tile-compressed image", "fine", "", compressed),
    ("values_1e-12", "values near 1e-12 (maggies)", "fine", "", in_unit(1e-12, 0.0)),
    ("values_1e9", "values near 1e9", "fine", "", in_unit(1e9, 45.0)),
    (
        "galaxie d'été 星系",
        "spaces, an apostrophe and letters beyond ASCII in the name",
        "fine",
        "",
        lambda seed: files(healthy(seed)),
    ),
    (
        "blank",
        "an image of zeros",
        "skipped",
        "have the value 0",
        changed("image", lambda image: image * np.float32(0)),
    ),
)


def write_bad(folder: Path) -> None:
    """Write every case and ``expected.csv`` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, _, _, _, make) in enumerate(CASES):
        for kind, body in make(seed).items():
            if kind == "image.fz":
                (folder / f"{name}_image.fits.fz").write_bytes(body)
            elif name in ("truncated", "empty_file", "not_fits"):
                (folder / f"{name}_{kind}.fits").write_bytes(body)
            elif name == "compressed_fz" and kind == "image":
                continue
            else:
                (folder / f"{name}_{kind}.fits.gz").write_bytes(gzip.compress(body, 9, mtime=0))
    with (folder / "expected.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("name", "kind", "outcome", "message"))
        writer.writerows(case[:4] for case in CASES)
