"""A galaxy with everything its fit needs, checked and repaired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from galviewer.flags import Flag
from galviewer.survey.noise import build_sigma, counting
from galviewer.survey.problem import Findings, Problem
from galviewer.survey.psf import prepare_psf
from galviewer.survey.segmentation import others

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Galaxy:
    """One galaxy: arrays [y, x], native float64, read-only.

    Parameters
    ----------
    name : str
        Unique within a survey.
    image, sigma : ndarray, (H, W)
        Pixels and their noise, image units; finite, sigma > 0 everywhere.
    mask : ndarray of bool, (H, W)
        True = ignored.
    psf : ndarray, (Ky, Kx), optional
        Sum 1; centre at pixel (K-1)/2 for odd, K/2 for even sides.
    psf_oversample : int
        PSF samples per image pixel.
    zeropoint : float
        Magnitude of one image unit.
    pixel_scale : float, optional
        Arcsec per pixel.
    wcs : astropy WCS, optional
        Celestial.
    sigma_origin : {"file", "gain", "background"}
        Where the noise came from.
    centre : (x, y), optional
        The target's place, 0-based pixels; the image's centre if None.
    notes : tuple of str
        What was repaired or assumed, as sentences.
    flags : int
        `galviewer.flags.Flag` bits of the input.
    paths : dict
        File of each role.
    header : dict
        A few cards worth carrying.
    segments : ndarray of int, (H, W), optional
        Labels of the objects that `mask` leaves out on the word of a segmentation map alone; 0 elsewhere.
    gain, sky_level, read_noise : float, optional
        Electrons per image unit over all exposures; in image units the level subtracted earlier and the
        read noise: what a likelihood of counts needs.
    given : dict
        Start values and bounds of this galaxy: ``<column>`` or ``<column>_init``, ``<column>_lower``,
        ``<column>_upper`` with the columns of the catalogue. Other numbers of its row may be among them.
    """

    name: str
    image: np.ndarray
    sigma: np.ndarray
    mask: np.ndarray
    psf: np.ndarray | None = None
    psf_oversample: int = 1
    zeropoint: float = 0.0
    pixel_scale: float | None = None
    wcs: WCS | None = None
    sigma_origin: str = "file"
    centre: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    flags: int = 0
    paths: dict[str, str] = field(default_factory=dict)
    header: dict[str, Any] = field(default_factory=dict)
    segments: np.ndarray | None = None
    gain: float | None = None
    sky_level: float | None = None
    read_noise: float | None = None
    given: dict[str, float] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def target(self) -> tuple[float, float]:
        """The target's place (x, y), also where none was given."""
        rows, columns = self.shape
        return self.centre if self.centre is not None else (0.5 * (columns - 1), 0.5 * (rows - 1))

    @classmethod
    def from_arrays(
        cls,
        image: ArrayLike,
        sigma: ArrayLike | None = None,
        psf: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        name: str = "galaxy",
        *,
        ivar: ArrayLike | None = None,
        seg: ArrayLike | None = None,
        target: int | None = None,
        centre: tuple[float, float] | None = None,
        header: Mapping[str, Any] | None = None,
        gain: float | None = None,
        read_noise: float | None = None,
        sky_level: float | None = None,
        **rest: Any,
    ) -> Galaxy:
        """A galaxy from arrays, validated and repaired exactly as files are.

        Parameters
        ----------
        image, sigma, mask, ivar, seg : array_like, (H, W)
            Pixels; noise or inverse variance; nonzero = ignored; segmentation map.
        psf : array_like, (Ky, Kx)
            Any positive sum.
        name : str
            For messages and products.
        target : int, optional
            The target's label in `seg`; the label at its centre if None.
        centre : (x, y), optional
            0-based pixels.
        header : mapping, optional
            Cards for the noise (GAIN, RDNOISE, ...) and for the products.
        gain, read_noise, sky_level : float, optional
            For a sigma that has to be built, and for likelihoods of counts; see
            `galviewer.survey.noise.build_sigma`.
        **rest
            `psf_oversample`, `zeropoint`, `pixel_scale`, `wcs`, `paths`, `given` as in the class.

        Raises
        ------
        InputError
            An array cannot be used.
        """
        findings = Findings(name, [])
        planes = {"image": image, "sigma": sigma, "psf": psf, "mask": mask, "ivar": ivar, "seg": seg}
        arrays = {role: np.asarray(array) for role, array in planes.items() if array is not None}
        noise = {"gain": gain, "read_noise": read_noise, "sky_level": sky_level}
        return assemble(arrays, findings, header or {}, noise, target=target, centre=centre, **rest)


def assemble(
    planes: dict[str, np.ndarray],
    findings: Findings,
    header: Mapping[str, Any],
    noise: Mapping[str, float | None],
    target: int | None = None,
    centre: tuple[float, float] | None = None,
    prepared_psf: np.ndarray | None = None,
    **rest: Any,
) -> Galaxy:
    """Check planes by role and put them together.

    Raises
    ------
    InputError
        A plane cannot be used, or all pixels are masked.
    """
    image = _image(planes["image"], findings)
    _check_centre(centre, image, findings)
    mask = _mask(planes.get("mask"), image, findings)
    segments = None
    if "seg" in planes:
        _same_shape(planes["seg"], image, "segmentation map", findings)
        hidden = others(planes["seg"], target, centre, findings)
        segments = np.where(hidden & ~mask, np.nan_to_num(planes["seg"], nan=0.0), 0).astype(np.int32)
        mask |= hidden
    image = _mask_undefined(image, mask, findings)
    sigma, origin = _sigma(planes, image, mask, header, noise, findings)
    _check_light(image, mask, centre, findings)
    psf = prepared_psf
    if psf is None and "psf" in planes:
        psf = prepare_psf(planes["psf"], findings, rest.get("psf_oversample", 1))
    if psf is None:
        findings.note("has no PSF", "a PSF stamp", "give one with --psf unless the image has none")
    counted = counting(header, **noise)
    for array in (image, sigma, mask):
        array.flags.writeable = False
    return Galaxy(
        name=findings.whose,
        image=image,
        sigma=sigma,
        mask=mask,
        psf=psf,
        sigma_origin=origin,
        centre=centre,
        notes=sentences(findings.problems),
        flags=_flags(findings.problems, origin, psf),
        header=dict(header) if isinstance(header, dict) else {},
        segments=segments,
        gain=counted.gain,
        sky_level=counted.sky_level,
        read_noise=counted.read_noise,
        **rest,
    )


def sentences(problems: list[Problem]) -> tuple[str, ...]:
    """Problems as notes, without repeating the galaxy's name."""
    return tuple(str(problem).removeprefix(f"{problem.whose}: ") for problem in problems)


def _flags(problems: list[Problem], origin: str, psf: np.ndarray | None) -> int:
    """Flag bits of the input."""
    bits = Flag.INPUT_REPAIRED if any(problem.severity == "repaired" for problem in problems) else Flag(0)
    if origin != "file":
        bits |= Flag.SIGMA_BUILT
    if psf is None:
        bits |= Flag.NO_PSF
    return int(bits)


def _sides(array: np.ndarray) -> str:
    """Width x height."""
    return " x ".join(map(str, reversed(array.shape)))


def _image(raw: np.ndarray, findings: Findings) -> np.ndarray:
    """Image as a fresh native float64 array."""
    if raw.ndim != 2 or min(raw.shape) < 5:
        raise findings.error(
            f"the image has the shape {_sides(raw) or 'of a number'}", "5 x 5 pixels or more"
        )
    if raw.dtype.kind not in "fiub":
        raise findings.error(f"the image has values of type {raw.dtype}", "real numbers")
    return np.array(raw, dtype=np.float64, order="C")


def _same_shape(array: np.ndarray, image: np.ndarray, role: str, findings: Findings) -> None:
    """InputError unless a plane has the image's shape."""
    if array.shape != image.shape:
        raise findings.error(
            f"the {role} is {_sides(array)} pixels, the image {_sides(image)}", "the same shape",
            "cut both out of the same region",
        )  # fmt: skip


def _check_centre(centre: tuple[float, float] | None, image: np.ndarray, findings: Findings) -> None:
    """InputError for a target outside of the image."""
    if centre is None:
        return
    rows, columns = image.shape
    if not (-0.5 <= centre[0] < columns - 0.5 and -0.5 <= centre[1] < rows - 0.5):
        raise findings.error(
            f"the target's place ({centre[0]:g}, {centre[1]:g}) lies outside of the image, {_sides(image)}",
            "0-based pixel coordinates", "check x and y",
        )  # fmt: skip


def _mask(raw: np.ndarray | None, image: np.ndarray, findings: Findings) -> np.ndarray:
    """Fresh mask, True where nonzero or undefined."""
    if raw is None:
        return np.zeros(image.shape, dtype=bool)
    _same_shape(raw, image, "mask", findings)
    mask = np.array(raw != 0, dtype=bool, order="C")  # NaN != 0 is True: undefined is ignored
    if mask.all():
        raise findings.error(
            "every pixel is masked",
            "some pixels to fit",
            "in masks 0 = use, nonzero = ignore: invert it if needed",
        )
    return mask


def _mask_undefined(image: np.ndarray, mask: np.ndarray, findings: Findings) -> np.ndarray:
    """Mask NaN and infinite pixels; give all of them the median, so that nothing downstream sees them."""
    finite = np.isfinite(image)
    if finite.all():
        return image
    fresh = int((~finite & ~mask).sum())
    mask |= ~finite
    if mask.all():
        raise findings.error(
            "every pixel is masked, NaN or infinite", "some pixels to fit", "check the image and its mask"
        )
    if fresh:
        findings.repaired(
            f"{fresh} pixels of the image are NaN or infinite; they were masked", "finite pixels",
            "mask them in the file to silence this",
        )  # fmt: skip
    image[~finite] = np.median(image[~mask])
    return image


def _sigma(
    planes: dict[str, np.ndarray],
    image: np.ndarray,
    mask: np.ndarray,
    header: Mapping[str, Any],
    noise: Mapping[str, float | None],
    findings: Findings,
) -> tuple[np.ndarray, str]:
    """Sigma and its origin; pixels without a positive sigma are masked."""
    if "sigma" in planes:
        role, raw = "sigma", planes["sigma"]
    elif "ivar" in planes:
        role, raw = "inverse variance", planes["ivar"]
    else:
        if mask.all():
            raise findings.error(
                "every pixel is masked", "some pixels to fit", "check mask and segmentation map"
            )
        return build_sigma(image, mask, header, findings, **noise)
    _same_shape(raw, image, role, findings)
    sigma = np.array(raw, dtype=np.float64, order="C")
    good = np.isfinite(sigma) & (sigma > 0)
    if not good.any():
        raise findings.error(
            f"no pixel of the {role} is positive and finite",
            "the noise of each pixel, > 0",
            "give the right sigma map",
        )
    if role != "sigma":
        sigma[good] = 1.0 / np.sqrt(sigma[good])
    if not good.all():
        fresh = int((~good & ~mask).sum())
        sigma[~good] = np.median(sigma[good])
        mask |= ~good
        # zero weight is how inverse variance says "masked", so that alone is no repair
        if fresh and (role == "sigma" or not np.all(raw[~good] == 0)):
            findings.repaired(
                f"{fresh} pixels of the {role} are not positive and finite; they were masked", "values > 0",
                "mask them in the file to silence this",
            )  # fmt: skip
    return sigma, "file"


def _check_light(
    image: np.ndarray, mask: np.ndarray, centre: tuple[float, float] | None, findings: Findings
) -> None:
    """InputError when nothing is left to fit; a note when the target itself is masked."""
    if mask.all():
        raise findings.error(
            "every pixel is masked", "some pixels to fit", "check mask, segmentation map and sigma together"
        )
    values = image[~mask]
    if values.max() == values.min():
        raise findings.error(
            f"all unmasked pixels have the value {values[0]:g}", "a galaxy", "check the image"
        )
    rows, columns = image.shape
    x, y = centre if centre is not None else (0.5 * (columns - 1), 0.5 * (rows - 1))
    if mask[round(y), round(x)]:
        findings.note(
            "the pixel at the target's place is masked", "a mask that leaves the target free",
            "in masks 0 = use, nonzero = ignore: invert it if needed",
        )  # fmt: skip
