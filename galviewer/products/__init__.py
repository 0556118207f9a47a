"""What a fit leaves behind. numpy, astropy and pyarrow only: a finished run is read without torch.

fitted      GalaxyFit, everything known about one fitted galaxy
photometry  fluxes, half-light radii and surface brightness from fitted parameters, closed forms
catalogue   the columns of a catalogue, each with unit and description, and their values
tables      catalogues as FITS, Parquet, ECSV, VOTable, CSV and HDF5 files
blocks      one FITS file per galaxy: data, model, residual, sigma, mask, components, parameters
"""

from galviewer.products.fitted import GalaxyFit

__all__ = ["GalaxyFit"]
