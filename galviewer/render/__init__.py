"""Rendering: parameters to images and exact derivative planes, batched, tensors in and out.

settings    accuracy, together
geometry    elliptical radius and its derivatives
realisation  galaxies of one profile, whichever way they are evaluated
planes      one component at given points
general     one planar or modified component at given points
areas       how modifiers change the integral of a profile
cores       fine grids around cusps, brought to pixels band-limited
psf         the PSF as a transfer function; the padded frame
convolved   images under a PSF
pixels      images without one: pixel averages
layout      which planes a model needs; columns of the Jacobian as sums of planes
renderer    the front door
"""

from galviewer.render.layout import Layout, layout
from galviewer.render.psf import PSF_KINDS, PsfKind
from galviewer.render.renderer import Renderer
from galviewer.render.settings import RenderSettings

__all__ = ["PSF_KINDS", "Layout", "PsfKind", "RenderSettings", "Renderer", "layout"]
