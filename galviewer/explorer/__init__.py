"""The explorer: see and steer fits in a browser or a notebook.

source       where galaxies come from: folder, run directory, memory
run_source   a run directory's galaxies, fits and catalogue rows
state        what one session looks at; no widgets
edits        changes of a model, as pure functions
ranges       slider ranges and digits
stretch      display limits and palettes
sky          sky coordinates for the browser
theme        colours and type
component    base of the page's parts (HTML, CSS, JavaScript in ``static/``)
views/       the parts, one per file
script       the model as text to paste elsewhere
app          the page; in a browser session or a notebook
server       serving it
jobs, batch_page, export_menu   the batch run and exports from the screen
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galviewer.explorer.app import Explorer

__all__ = ["explore", "serve"]


def explore(
    source: Any,
    model: Any = "sersic",
    *,
    sigma: Any = None,
    psf: Any = None,
    mask: Any = None,
    **settings: Any,
) -> Explorer:
    """Open a folder, a run directory, a galaxy or an image array in the explorer.

    Parameters
    ----------
    source : path, Galaxy, iterable of Galaxy, ndarray (H, W), or mapping
        A mapping holds the arguments of `galviewer.survey.Galaxy.from_arrays` (image, sigma, psf, mask, ...).
    model : Model or str
        What galaxies without a fit are shown with: a model, a template's name, or a TOML file.
    sigma, psf, mask : ndarray, optional
        Noise (H, W), PSF stamp, and pixels to ignore (H, W), where `source` is an image.
    **settings
        ``galaxy``, ``folder``, ``survey_settings``, ``settings``: see `galviewer.explorer.app.Explorer`;
        where `source` is an image also ``name``, ``zeropoint``, ``pixel_scale`` and what else describes it in
        `galviewer.survey.Galaxy.from_arrays`.

    Returns
    -------
    Explorer
        Shows itself in a notebook; ``.show()`` opens a browser; ``.model``, ``.parameters``, ``.result``
        are live.

    Raises
    ------
    InputError
        If there is nothing to open.
    """
    import numpy as np

    from galviewer.explorer.app import Explorer

    if isinstance(source, np.ndarray):
        of_screen = {key: settings.pop(key) for key in ("settings",) if key in settings}
        source = {"image": source, "sigma": sigma, "psf": psf, "mask": mask} | settings
        settings = of_screen
    return Explorer(source, model, **settings)


def serve(source: Any, **settings: Any) -> None:
    """Serve the explorer to browsers until interrupted; see `galviewer.explorer.server.serve`."""
    from galviewer.explorer.server import serve as run

    run(source, **settings)
