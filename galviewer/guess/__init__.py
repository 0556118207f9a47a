"""Guess: pixels to start values, in a few milliseconds per galaxy.

starts       start values of any model
given        start values and bounds that a galaxy brings along
measurement  sky, flux, centre, size and shape of the target
decompose    two components from the rings
detect       the target among its neighbours, with sep
shape        axis ratio and angle from weighted moments
radial       brightness in elliptical rings and the Sérsic profile that explains it
library      seeing-convolved profiles, tabulated
"""

from galviewer.guess.given import bring, given_bounds, given_starts
from galviewer.guess.measurement import Measurement, measure
from galviewer.guess.starts import starts

__all__ = ["Measurement", "bring", "given_bounds", "given_starts", "measure", "starts"]
