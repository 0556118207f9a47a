"""The status line: the cursor's pixel, the last message, the galaxy's numbers."""

from __future__ import annotations

from typing import Any

import param

from galviewer.explorer.component import Component, static
from galviewer.explorer.state import State


class StatusLine(Component):
    """See static/status.js; cursor values never pass the server."""

    message = param.List(["info", ""])
    info = param.String("")

    _esm = static("shared.js", "status.js")
    _stylesheets = [static("base.css", "status.css")]


class Status:
    """The status line of one session.

    Parameters
    ----------
    state : State
        Watched for messages and the galaxy.
    session : str
        Suffix of model names.
    """

    def __init__(self, state: State, session: str) -> None:
        self._state = state
        self.view = StatusLine(session=session, sizing_mode="stretch_width", height=26)
        state.param.watch(self._show, ["message", "galaxy"])
        self._show()

    def _show(self, *_: Any) -> None:
        galaxy = self._state.galaxy
        self.view.param.update(message=list(self._state.message), info=summary(galaxy) if galaxy else "")


def summary(galaxy: Any) -> str:
    """Size, scale, zeropoint, PSF and mask of a galaxy in one line."""
    height, width = galaxy.image.shape
    parts = [f"{width} × {height} px"]
    if galaxy.pixel_scale:
        parts.append(f"{galaxy.pixel_scale:.4g}″/px")
    parts.append(f"zeropoint {galaxy.zeropoint:.4g}")
    parts.append("no PSF" if galaxy.psf is None else f"PSF {galaxy.psf.shape[1]} × {galaxy.psf.shape[0]}")
    masked = float(galaxy.mask.mean())
    if masked:
        parts.append(f"{100 * masked:.1f} % masked")
    if galaxy.sigma_origin != "file":
        parts.append(f"σ from {galaxy.sigma_origin}")
    return "   ".join(parts)
