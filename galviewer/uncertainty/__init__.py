"""Uncertainties of fitted parameters.

covariance   inverse of the normal matrix at the best fit
"""

from galviewer.uncertainty.covariance import Covariance, covariance

__all__ = ["Covariance", "covariance"]
