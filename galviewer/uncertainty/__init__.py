"""Uncertainties of fitted parameters.

covariance   inverse of the normal matrix at the best fit
bootstrap    refits to pixels drawn again, or to new noise
target       the posterior that samplers walk on
ensemble     walkers on the posteriors of many galaxies in one batch
single       one galaxy by emcee; evidence by nautilus
perturbed    what a wrong PSF or sky does to the parameters
draws        what all of them return: draws, their summary and diagnostics
extras       optional packages, loaded when they are needed
"""

from galviewer.uncertainty.bootstrap import MODES, bootstrap
from galviewer.uncertainty.covariance import Covariance, covariance, full
from galviewer.uncertainty.draws import Draws, Summary, unwrapped
from galviewer.uncertainty.target import Target

__all__ = [
    "MODES",
    "Covariance",
    "Draws",
    "Summary",
    "Target",
    "bootstrap",
    "covariance",
    "full",
    "unwrapped",
]
