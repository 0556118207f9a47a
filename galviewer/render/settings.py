"""The renderer's accuracy settings, together, each defined."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class RenderSettings:
    """How finely brightness is sampled.

    With a PSF, brightness is point-sampled at pixel centres where it is smooth. Around each
    component's centre, smooth windows hand over to a chain of ever finer square grids, all with
    the same number of samples, so that a cusp of any steepness is resolved.

    Parameters
    ----------
    core_radius : float
        Radius of the widest window, pixels.
    core_samples : int
        Samples along each side of every fine grid.
    core_ratio : float
        How much smaller each grid is than the one around it.
    core_levels : int
        Number of fine grids; the last one samples at
        ``2 core_radius / core_samples / core_ratio ** (core_levels - 1)`` pixels.
    core_inner : float
        Fraction of a window's radius inside which it is 1.
    thin_q : float
        Axis ratio below which the thin side of a galaxy asks for grids twice as wide with twice the
        samples along each side.
    fine_width : float
        A planar or modified profile whose thinnest structure is narrower than this, in pixels, is sampled
        more densely everywhere, by the ratio of the two along each axis.
    fine_limit : int
        Greatest such ratio.
    psf_light : float
        The model is rendered beyond the image's edge out to the radius that holds this fraction
        of the PSF's light; from further away nothing is scattered back into the image.
    psf_band : float
        Transfer (relative to 1) below which frequencies of an oversampled PSF are dropped;
        decides how fine the grid must be under an undersampled PSF.
    pixel_fineness : float
        Without a PSF, a cell is split until it is smaller than this fraction of the distance over
        which the profile changes.
    pixel_depth : int
        Without a PSF, how often a pixel may be split in four.
    """

    core_radius: float = 6.0
    core_samples: int = 36
    core_ratio: float = 4.0
    core_levels: int = 4
    core_inner: float = 0.25
    thin_q: float = 0.25
    fine_width: float = 4.0
    fine_limit: int = 8
    psf_light: float = 0.995
    psf_band: float = 3e-3
    pixel_fineness: float = 0.5
    pixel_depth: int = 13

    def for_thin(self, times: int = 1) -> RenderSettings:
        """The same with grids for thin galaxies, whose samples are `times` closer together."""
        return replace(self, core_radius=2.0 * self.core_radius, core_samples=2 * times * self.core_samples)
