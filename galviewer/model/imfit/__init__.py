"""imfit's configuration and parameter files: read into a model and what surrounds it, and written back.

functions   imfit's image functions, and how their parameters become ours
reading     text to a setup
writing     a setup or model to text
"""

from galviewer.model.imfit.reading import ImfitSetup, from_imfit, read_imfit
from galviewer.model.imfit.writing import to_imfit, write_imfit

__all__ = ["ImfitSetup", "from_imfit", "read_imfit", "to_imfit", "write_imfit"]
