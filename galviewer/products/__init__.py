"""What a fit leaves behind. No torch: a finished run is read without it.

fitted      GalaxyFit, everything known about one fitted galaxy
summary     a fit as a table of text or HTML
photometry  half-light radii, surface brightness, error propagation: closed forms on plain floats
columns     the columns of a catalogue, each with unit and description
catalogue   one galaxy's values for them
neighbours  the table of neighbours that were fitted with their galaxies
tables      catalogues as Parquet parts and as FITS, Parquet, ECSV, VOTable, CSV and HDF5 files
blocks      one FITS file per galaxy: data, model, residual, sigma, mask, components, parameters
fitsfile    the small, fast FITS writer below the blocks
scene       what parameter values look like: images, chi2, annuli
annuli      means in elliptical annuli
curves      numbers of the radial profile and of the histogram of residuals
figures     a fit as one publication-ready figure (matplotlib)
panels      its images
companions  non-parametric quantities beside the fit (statmorph)
files       files that are there completely or not at all; names that are safe on disk
"""

from galviewer.products.fitted import Choice, GalaxyFit

__all__ = ["Choice", "GalaxyFit"]
