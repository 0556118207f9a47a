"""The parts of the fit page, one per file; each is built once and patched afterwards.

topbar     where we are, page tabs, theme
queue      the galaxies by name
images     data, model and residual
profile    radial profile, residual strip, histogram
cards      parameters of each component, Fit and Undo
status     the line at the bottom
"""
