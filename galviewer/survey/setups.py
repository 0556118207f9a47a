"""GALFIT's and imfit's set-ups to galaxies: image, noise, PSF and mask as their files name them.

`read_galfit` and `read_imfit` give the set-up of `galviewer.model` with a method `galaxy` that reads its
files::

    setup = galviewer.read_galfit("galaxy.feedme")
    fits = galviewer.fit_galaxies([setup.galaxy()], setup.model)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from galviewer.errors import InputError
from galviewer.model import galfit, imfit
from galviewer.survey import headers
from galviewer.survey.files import SUFFIX, read_planes, split_extension
from galviewer.survey.galaxy import Galaxy
from galviewer.survey.problem import Findings


@dataclass(frozen=True)
class GalfitRun(galfit.GalfitSetup):
    """A GALFIT set-up that can read its files; see `galviewer.model.galfit.GalfitSetup`."""

    def galaxy(self, folder: str | Path | None = None, name: str | None = None) -> Galaxy:
        """The galaxy that GALFIT would fit: the fitting region of image, sigma and mask, and the PSF.

        Parameters
        ----------
        folder : path, optional
            Where the files are; by default the input file's folder, then where we are.
        name : str, optional
            Its name; that of the image file by default.

        Returns
        -------
        Galaxy
            Its zeropoint is that of one image unit: GALFIT's plus 2.5 log10(EXPTIME).

        Raises
        ------
        InputError
            A file is missing or cannot be used, or the region lies outside of the image.
        """
        image = self.image + (f"[{self.image_hdu}]" if self.image_hdu else "")
        return _galaxy(
            _Files(_places(self.path, folder), name or _name(self.image)),
            {"image": image, "sigma": self.sigma, "psf": self.psf, "mask": self.mask},
            self.region,
            self.zeropoint,
            exposure=True,
            psf_oversample=self.psf_oversample,
            pixel_scale=math.sqrt(self.plate_scale[0] * self.plate_scale[1]),
        )


@dataclass(frozen=True)
class ImfitRun(imfit.ImfitSetup):
    """An imfit set-up that can read files; see `galviewer.model.imfit.ImfitSetup`."""

    def galaxy(
        self,
        image: str | Path,
        sigma: str | Path = "",
        psf: str | Path = "",
        mask: str | Path = "",
        name: str | None = None,
    ) -> Galaxy:
        """The galaxy that imfit would fit.

        Parameters
        ----------
        image, sigma, psf, mask : path
            As given to imfit on its command line. Without sigma, the noise is built from the set-up's
            gain, read noise and subtracted sky, as imfit does.
        name : str, optional
            Its name; that of the image file by default.

        Returns
        -------
        Galaxy
            With the zeropoint with which the set-up was read.

        Raises
        ------
        InputError
            A file is missing or cannot be used.
        """
        images = self.combined * (self.exposure or 1.0)
        return _galaxy(
            _Files(_places(self.path, None), name or _name(str(image))),
            {"image": str(image), "sigma": str(sigma), "psf": str(psf), "mask": str(mask)},
            None,
            self.zeropoint,
            gain=None if self.gain is None else self.gain * images,
            read_noise=None if self.read_noise is None else self.read_noise * math.sqrt(self.combined),
            sky_level=self.sky,
        )


def read_galfit(path: str | Path) -> GalfitRun:
    """Read a GALFIT input file; as `galviewer.model.galfit.read_galfit`, with a method for its galaxy.

    Raises
    ------
    ModelError
        If a file cannot be read or a line makes no sense.
    """
    setup = galfit.read_galfit(path)
    return GalfitRun(**{field.name: getattr(setup, field.name) for field in fields(setup)})


def read_imfit(path: str | Path, zeropoint: float = 0.0, shape: tuple[int, int] | None = None) -> ImfitRun:
    """Read an imfit configuration; as `galviewer.model.imfit.read_imfit`, with a method for its galaxy.

    Raises
    ------
    ModelError
        If the file cannot be read or a line makes no sense.
    """
    setup = imfit.read_imfit(path, zeropoint, shape)
    return ImfitRun(**{field.name: getattr(setup, field.name) for field in fields(setup)})


def _name(image: str) -> str:
    """The image file's name without suffix and ``_image``."""
    name = SUFFIX.sub("", Path(split_extension(image)[0]).name)
    return name.removesuffix("_image") or "galaxy"


def _places(path: Path | None, folder: str | Path | None) -> list[Path]:
    own = [] if path is None else [path.parent]
    return [Path(folder)] if folder is not None else [*own, Path()]


@dataclass(frozen=True)
class _Files:
    """Where files are looked for, and for which galaxy."""

    places: list[Path]
    whose: str

    def find(self, given: str) -> str:
        """The path of a file as a set-up names it, its folder being left out where it is not there."""
        file, extension = split_extension(given)
        tries = [place / other for place in self.places for other in (file, Path(file.name))]
        for found in tries:
            if found.is_file():
                return str(found) + (f"[{extension}]" if extension else "")
        raise InputError(
            self.whose, f"there is no file {given}", "a file beside the set-up",
            "name the folder in which it lies",
        )  # fmt: skip


def _galaxy(
    files: _Files,
    paths: dict[str, str],
    region: tuple[int, int, int, int] | None,
    zeropoint: float,
    exposure: bool = False,
    **rest,
) -> Galaxy:
    """Image and what belongs to it, cut to a region (from 1, inclusive)."""
    if not paths["image"]:
        raise InputError(files.whose, "the set-up names no image", "an input image")
    found = {role: files.find(path) for role, path in paths.items() if path}
    plane = read_planes(found["image"], files.whose, {"image": ()}, "image")["image"]
    part = _slices(region, plane.array.shape, files.whose)
    header = headers.kept(plane.header)
    if rest.get("gain") is not None:  # it holds for the whole stack already
        header.pop("NCOMBINE", None)
    arrays = {"image": plane.array[part]}
    if "sigma" in found:
        arrays["sigma"] = read_planes(found["sigma"], files.whose, {"sigma": ()}, "sigma")["sigma"].array[
            part
        ]
    if "mask" in found:
        arrays["mask"] = _mask(found["mask"], plane.array.shape, files.whose)[part]
    if "psf" in found:
        arrays["psf"] = read_planes(found["psf"], files.whose, {"psf": ()}, "psf")["psf"].array
    return Galaxy.from_arrays(
        **arrays,
        name=files.whose,
        header=header,
        zeropoint=_zeropoint(plane.header, zeropoint, exposure, files.whose),
        paths=found,
        **rest,
    )


def _zeropoint(header, zeropoint: float, exposure: bool, whose: str) -> float:
    """Of one image unit; GALFIT takes EXPTIME as 1 s where there is none."""
    if not exposure or headers.number(header, "EXPTIME") is None:
        return zeropoint
    return headers.zeropoint(header, zeropoint, exposure, Findings(whose, []))


def _slices(
    region: tuple[int, int, int, int] | None, shape: tuple[int, ...], whose: str
) -> tuple[slice, slice]:
    """The region's rows and columns, as far as the image reaches."""
    if region is None:
        return slice(None), slice(None)
    xmin, xmax, ymin, ymax = region
    if xmin > shape[1] or ymin > shape[0]:
        raise InputError(
            whose,
            f"the fitting region begins at ({xmin}, {ymin}), the image has {shape[1]} x {shape[0]} pixels",
            "a region inside the image", "check H) xmin xmax ymin ymax",
        )  # fmt: skip
    return slice(ymin - 1, ymax), slice(xmin - 1, xmax)


def _mask(path: str, shape: tuple[int, ...], whose: str) -> np.ndarray:
    """A mask from a FITS file, or from a text file of pixels x y, counted from 1."""
    if SUFFIX.search(str(split_extension(path)[0])):
        return read_planes(path, whose, {"mask": ()}, "mask")["mask"].array
    mask = np.zeros(shape, dtype=bool)
    try:
        pixels = np.loadtxt(path, comments="#", ndmin=2)[:, :2].round().astype(int) - 1
    except (ValueError, IndexError) as error:
        raise InputError(whose, f"{path} cannot be read ({error})", "a FITS mask or lines of x y") from error
    inside = ((pixels >= 0) & (pixels < np.array(shape)[::-1])).all(axis=1)
    mask[pixels[inside, 1], pixels[inside, 0]] = True
    return mask
