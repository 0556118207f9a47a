"""The registry of fit outcomes: one bit, one name, one sentence, one piece of advice.

The catalogue's ``flags`` column, the documentation and the explorer all read this registry.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Flag(enum.IntFlag):
    """One bit per outcome worth knowing; 0 is a clean, converged fit."""

    NOT_CONVERGED = 1
    AT_BOUND = 2
    NON_FINITE = 4
    GUESS_FAILED = 8
    TOO_FEW_PIXELS = 16
    SINGULAR = 32
    FAILED = 64
    INPUT_REPAIRED = 128
    SIGMA_BUILT = 256
    NO_PSF = 512
    OFF_CENTRE = 1024
    SKIPPED = 2048


class FlagInfo(NamedTuple):
    """What a flag is called, what it says and what to do about it."""

    name: str
    sentence: str
    advice: str


REGISTRY: dict[Flag, FlagInfo] = {
    Flag.NOT_CONVERGED: FlagInfo(
        "not_converged",
        "the fit used all its iterations before the stop rules were met",
        "refit from the values reached, or raise max_iterations",
    ),
    Flag.AT_BOUND: FlagInfo(
        "at_bound",
        "at least one free parameter ended at its bound",
        "look at the residual: the model may lack a component, or the bound is too tight",
    ),
    Flag.NON_FINITE: FlagInfo(
        "non_finite",
        "the model was not finite at the start values",
        "check the start values and bounds of this galaxy",
    ),
    Flag.GUESS_FAILED: FlagInfo(
        "guess_failed",
        "no object could be measured at the target's place; defaults were used as start",
        "give start values, or check the mask and the target's position",
    ),
    Flag.TOO_FEW_PIXELS: FlagInfo(
        "too_few_pixels",
        "fewer unmasked pixels than free parameters",
        "check the mask, or take a simpler model",
    ),
    Flag.SINGULAR: FlagInfo(
        "singular",
        "the normal matrix is singular: some errors are unknown",
        "fix or tie the degenerate parameters",
    ),
    Flag.FAILED: FlagInfo(
        "failed",
        "the fit failed; its values are not usable",
        "see the message column and the input of this galaxy",
    ),
    Flag.INPUT_REPAIRED: FlagInfo(
        "input_repaired",
        "the input was repaired (for example non-finite pixels were masked)",
        "see the message column for what was done",
    ),
    Flag.SIGMA_BUILT: FlagInfo(
        "sigma_built",
        "no sigma map was given; it was built from gain and read noise or from the background",
        "give a sigma map for trustworthy errors",
    ),
    Flag.NO_PSF: FlagInfo(
        "no_psf",
        "no PSF was given; the model was only averaged over the pixels",
        "give a PSF unless the image has none",
    ),
    Flag.OFF_CENTRE: FlagInfo(
        "off_centre",
        "the fitted centre lies far from the target's position",
        "the fit may have moved to a neighbour: mask it or add it as a component",
    ),
    Flag.SKIPPED: FlagInfo(
        "skipped",
        "the input could not be used and the galaxy was not fitted",
        "see the message column; mend the file and run again",
    ),
}

FAILURES = Flag.NON_FINITE | Flag.TOO_FEW_PIXELS | Flag.FAILED | Flag.SKIPPED
"""Flags after which the values in the catalogue are not a fit."""


def names(bits: int) -> list[str]:
    """Names of all flags set in `bits`, lowest bit first."""
    return [info.name for flag, info in REGISTRY.items() if bits & flag]


def describe(bits: int) -> str:
    """The set flags as sentences joined by semicolons; empty for 0."""
    return "; ".join(info.sentence for flag, info in REGISTRY.items() if bits & flag)
