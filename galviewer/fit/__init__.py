"""Fitting: batched Levenberg-Marquardt with exact Jacobians, tensors in and out.

settings      how to fit
coordinates   bounds, ties, logarithms, axes that swap
problem       parameters to chi2, gradient, normal matrix
levenberg     init, step, done
fitting       the whole way, with flags; batch sizes and devices
"""

from galviewer.fit.fitting import FitResult, choose_batch_size, choose_device, finish, fit
from galviewer.fit.problem import Evaluation, Problem
from galviewer.fit.settings import FitSettings

__all__ = [
    "Evaluation",
    "FitResult",
    "FitSettings",
    "Problem",
    "choose_batch_size",
    "choose_device",
    "finish",
    "fit",
]
