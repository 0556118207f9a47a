"""GALFIT's input files: read into a model and what surrounds it, and written back.

setup        GalfitSetup: the model, and the control parameters
syntax       text to lines and objects
objects      GALFIT's component types, and how their numbers become parameters
reading      objects to a model
fitlog       the last fit of a fit.log
constraints  constraint files to ties, bounds and orders, and back
writing      a setup or model to text
"""

from galviewer.model.galfit.reading import from_galfit, read_galfit
from galviewer.model.galfit.setup import GalfitSetup
from galviewer.model.galfit.writing import to_constraints, to_galfit, write_galfit

__all__ = ["GalfitSetup", "from_galfit", "read_galfit", "to_constraints", "to_galfit", "write_galfit"]
