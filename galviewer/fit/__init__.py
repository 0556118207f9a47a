"""Fitting: batched Levenberg-Marquardt with exact Jacobians, tensors in and out.

settings      how to fit
likelihood    what a pixel off the model costs: chi-square, Poisson, Student's t
knowledge     priors, and parameters that stay below others
coordinates   bounds, ties, logarithms, axes that swap
problem       parameters to cost, gradient, normal matrix
levenberg     init, step, done
projection    an axisymmetric body on a grid in (R, z) to pixels
emissivity    that body from one image: an emissivity free at every node
fitting       the whole way, with flags; batch sizes and devices
"""

from galviewer.fit.emissivity import EmissivityFit, fit_emissivity
from galviewer.fit.fitting import FitResult, choose_batch_size, choose_device, finish, fit
from galviewer.fit.likelihood import COUNTING, LIKELIHOODS, Likelihood
from galviewer.fit.problem import Evaluation, Problem
from galviewer.fit.projection import EmissivityGrid, View, projection_matrix
from galviewer.fit.search import SearchSettings
from galviewer.fit.settings import FitSettings

__all__ = [
    "COUNTING",
    "LIKELIHOODS",
    "EmissivityFit",
    "EmissivityGrid",
    "Evaluation",
    "FitResult",
    "FitSettings",
    "Likelihood",
    "Problem",
    "SearchSettings",
    "View",
    "choose_batch_size",
    "choose_device",
    "finish",
    "fit",
    "fit_emissivity",
    "projection_matrix",
]
