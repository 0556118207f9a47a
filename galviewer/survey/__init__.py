"""Survey: a folder on disk to galaxies ready to be fitted.

settings      patterns, extension names, shared values
scan          folder or table -> entries, without reading pixels
table         CSV, ECSV, FITS tables of paths
entry         Entry, Survey
read          entry -> Galaxy; `check` reads a whole folder and tells every problem
files         FITS planes, compressed or not
headers       zeropoint, pixel scale, gain, WCS
galaxy        Galaxy: arrays checked and repaired
psf           PSF stamps: centred, normalised
noise         sky level, sigma from gain and read noise
segmentation  segmentation map -> mask
batch         galaxies of one shape -> tensors
setups        GALFIT's and imfit's set-ups -> Galaxy
problem       one finding about the input
"""

from galviewer.survey.batch import Batch, collate, group, shape_key
from galviewer.survey.entry import Entry, Survey
from galviewer.survey.galaxy import Galaxy
from galviewer.survey.problem import Problem
from galviewer.survey.read import check, read, read_with_problems
from galviewer.survey.scan import scan
from galviewer.survey.settings import SurveySettings

__all__ = [
    "Batch",
    "Entry",
    "Galaxy",
    "Problem",
    "Survey",
    "SurveySettings",
    "check",
    "collate",
    "group",
    "read",
    "read_with_problems",
    "scan",
    "shape_key",
]
