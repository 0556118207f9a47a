"""How the files of a folder are told apart and what is known about all of its galaxies."""

from __future__ import annotations

from dataclasses import dataclass

from galviewer.errors import SettingsError

ROLES = ("image", "sigma", "ivar", "psf", "mask", "seg")
"""What a file or extension can be for its galaxy."""


@dataclass(frozen=True)
class SurveySettings:
    """Where things are and what the headers do not say; a setting wins over a header.

    Parameters
    ----------
    image_pattern, sigma_pattern, ivar_pattern, psf_pattern, mask_pattern, seg_pattern : str
        File names without suffix (``.fits``, ``.fit``, ``.fts``, each also ``.gz`` or ``.fz``);
        ``{name}`` stands for the galaxy's name. A pattern with a slash looks into sub-folders.
        An empty pattern switches the role off.
    table : str, optional
        CSV, ECSV or FITS table of paths, one row per galaxy (see `galviewer.survey.table`).
    psf : str, optional
        One PSF file for every galaxy without its own.
    psf_oversample : int
        PSF samples per image pixel; a card ``OVERSAMP`` of the PSF is used where this is 1.
    zeropoint : float, optional
        Magnitude of one image unit.
    exposure_zeropoint : bool
        True when the zeropoint is that of one unit per second (GALFIT's convention):
        2.5 log10(EXPTIME) is then added.
    pixel_scale : float, optional
        Arcsec per pixel.
    gain, read_noise, sky_level : float, optional
        Electrons per image unit, electrons, and the sky level subtracted earlier in image units;
        for a sigma that has to be built.
    image_hdus, sigma_hdus, ivar_hdus, psf_hdus, mask_hdus, seg_hdus : tuple of str
        Extension names that tell the planes of a multi-extension file.
    image_hdu : str, optional
        The one HDU (name or number) that holds the image; otherwise it is found by name, or is
        the first one with two dimensions.
    """

    image_pattern: str = "{name}_image"
    sigma_pattern: str = "{name}_sigma"
    ivar_pattern: str = "{name}_ivar"
    psf_pattern: str = "{name}_psf"
    mask_pattern: str = "{name}_mask"
    seg_pattern: str = "{name}_seg"
    table: str | None = None
    psf: str | None = None
    psf_oversample: int = 1
    zeropoint: float | None = None
    exposure_zeropoint: bool = False
    pixel_scale: float | None = None
    gain: float | None = None
    read_noise: float | None = None
    sky_level: float | None = None
    image_hdus: tuple[str, ...] = ("SCI", "IMAGE", "DATA")
    sigma_hdus: tuple[str, ...] = ("ERR", "SIGMA", "RMS", "STD", "ERROR")
    ivar_hdus: tuple[str, ...] = ("WHT", "IVAR", "WEIGHT", "INVVAR")
    psf_hdus: tuple[str, ...] = ("PSF",)
    mask_hdus: tuple[str, ...] = ("MASK", "BPM")
    seg_hdus: tuple[str, ...] = ("SEG", "SEGMAP", "SEGMENTATION")
    image_hdu: str | None = None

    def __post_init__(self) -> None:
        for role, pattern in self.patterns().items():
            if pattern and pattern.count("{name}") != 1:
                raise SettingsError(
                    f"{role}_pattern",
                    f"'{pattern}'",
                    "{name} exactly once",
                    "write for example '{name}_" + role + "'",
                )
        if not self.image_pattern:
            raise SettingsError("image_pattern", "is empty", "a pattern such as '{name}_image'")
        if self.psf_oversample < 1:
            raise SettingsError("psf_oversample", f"is {self.psf_oversample}", "1 or more")
        for key in ("pixel_scale", "gain"):
            value = getattr(self, key)
            if value is not None and not value > 0:
                raise SettingsError(key, f"is {value}", "a positive number")

    def patterns(self) -> dict[str, str]:
        """File name pattern of each role."""
        return {
            "image": self.image_pattern,
            "sigma": self.sigma_pattern,
            "ivar": self.ivar_pattern,
            "psf": self.psf_pattern,
            "mask": self.mask_pattern,
            "seg": self.seg_pattern,
        }

    def extensions(self) -> dict[str, tuple[str, ...]]:
        """Extension names of each role."""
        return {
            "image": self.image_hdus,
            "sigma": self.sigma_hdus,
            "ivar": self.ivar_hdus,
            "psf": self.psf_hdus,
            "mask": self.mask_hdus,
            "seg": self.seg_hdus,
        }


DEFAULT = SurveySettings()
"""Names as ``NAME_image.fits``, everything else from the headers."""
