"""The page: a session's state, its views, and how they are shown in a browser or a notebook."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import panel as pn
import param

from galviewer.explorer.component import Component, static
from galviewer.explorer.notebook import in_kernel, kernel_loop, prepare_kernel
from galviewer.explorer.source import open_source
from galviewer.explorer.state import State
from galviewer.explorer.views.cards import Cards
from galviewer.explorer.views.images import Images
from galviewer.explorer.views.profile import ProfileView
from galviewer.explorer.views.queue import Queue
from galviewer.explorer.views.status import Status
from galviewer.explorer.views.topbar import TopBar

if TYPE_CHECKING:
    import numpy as np

    from galviewer.model import Model
    from galviewer.products import GalaxyFit

_numbers = itertools.count(1)
_BODY_CSS = "html, body { margin: 0; height: 100%; overflow: hidden; }"


class PageFrame(Component):
    """See static/page.js."""

    top = pn.custom.Child()
    queue = pn.custom.Child()
    images = pn.custom.Child()
    profile = pn.custom.Child()
    cards = pn.custom.Child()
    batch = pn.custom.Child()
    status = pn.custom.Child()
    page = param.String("fit")
    dark = param.Boolean(True)
    whole_window = param.Boolean(True)

    _esm = static("shared.js", "page.js")
    _stylesheets = [static("base.css", "page.css")]


class Explorer:
    """A folder, run or galaxy on screen.

    Displays itself as the last value of a notebook cell; `servable` and `show` put it on a page of its own.

    Parameters
    ----------
    source : path, Galaxy, iterable of Galaxy, ndarray, mapping, or Source
        See `galviewer.explorer.source.open_source`.
    model : Model or str
        What galaxies without a fit are shown with.
    galaxy : str, optional
        The one to show first.
    folder, survey_settings
        See `open_source`.
    settings : FitSettings, optional
        For rendering and Fit.

    Attributes
    ----------
    state : State
        The session: watch its parameters, call its methods.
    """

    def __init__(
        self,
        source: Any,
        model: Model | str = "sersic",
        *,
        galaxy: str | None = None,
        folder: Any = None,
        survey_settings: Any = None,
        settings: Any = None,
    ) -> None:
        self.state = State(open_source(source, folder=folder, settings=survey_settings), model, settings)
        if self.state.names:
            self.state.select(galaxy if galaxy in self.state.names else self.state.names[0])
        self._layout: PageFrame | None = None

    @property
    def model(self) -> Model:
        """The model on screen."""
        return self.state.model

    @property
    def parameters(self) -> np.ndarray:
        """Parameter values on screen, (P,), in the order of ``model.columns``."""
        return self.state.values

    @property
    def result(self) -> GalaxyFit | None:
        """The last fit of the galaxy on screen."""
        return self.state.result

    # ---- the page --------------------------------------------------------------------------------

    def layout(self, whole_window: bool = False) -> PageFrame:
        """The page as a panel component, built on first use.

        Parameters
        ----------
        whole_window : bool
            Whether it fills a browser window (keys work anywhere) or stands in a notebook.
        """
        if self._layout is None:
            self._layout = self._build(whole_window)
        return self._layout

    def _build(self, whole_window: bool) -> PageFrame:
        state, session = self.state, f"s{next(_numbers)}"
        pages = [["fit", "Fit"], ["batch", "Batch"]]
        batch = pn.Column(sizing_mode="stretch_both")
        self._parts = {
            "top": TopBar(state, session, pages, _export_menu(state)),
            "queue": Queue(state, session),
            "images": Images(state, session),
            "profile": ProfileView(state, session),
            "cards": Cards(state, session),
            "status": Status(state, session),
        }
        size: dict[str, Any] = (
            {"sizing_mode": "stretch_both", "min_height": 560}
            if whole_window
            else {
                "sizing_mode": "stretch_width",
                "height": 860,
                "min_width": 1000,
            }
        )
        actions = {
            "move": lambda m: state.move(int(m["steps"])),
            "fit": lambda _: state.fit(),
            "undo": lambda _: state.undo(),
        }
        page = PageFrame(
            actions,
            session=session,
            batch=batch,
            whole_window=whole_window,
            page=state.page,
            dark=state.dark,
            **{name: part.view for name, part in self._parts.items()},
            **size,
        )

        def turn(*_: Any) -> None:
            if state.page == "batch" and not len(batch):
                batch.append(_batch_page(state))
            page.param.update(page=state.page, dark=state.dark)

        state.param.watch(turn, ["page", "dark"])
        turn()
        return page

    # ---- shown ------------------------------------------------------------------------------------

    def servable(self, title: str = "galviewer") -> Explorer:
        """Put the explorer on the page of the present browser session; returns itself."""
        self.session_page().servable(title=title)
        return self

    def session_page(self) -> PageFrame:
        """The page for the present browser session, tied to its document and its URL (``?galaxy=NAME``)."""
        document = pn.state.curdoc
        pn.config.raw_css = [*pn.config.raw_css, _BODY_CSS]
        page = self.layout(whole_window=True)
        if document is not None and document.session_context is not None:
            self.state.later = _on_document(document)
        if pn.state.location is not None:
            self._follow_url()
        return page

    def _follow_url(self) -> None:
        """A link reopens the same galaxy and page."""
        state, location = self.state, pn.state.location
        assert location is not None  # checked by the caller
        query = dict(location.query_params or {})
        if query.get("page") in ("fit", "batch"):
            state.page = query["page"]
        if str(query.get("galaxy", "")) in state.names:
            state.select(str(query["galaxy"]))
        state.param.watch(
            lambda *_: location.update_query(galaxy=state.name, page=state.page), ["name", "page"]
        )

    def show(self, **settings: Any) -> Any:
        """Serve the explorer from this process and open it in a browser; returns the server.

        Parameters
        ----------
        **settings
            For `panel.serve`; ``threaded=True`` unless given.
        """
        return pn.serve(self.session_page, **{"threaded": True, "title": "galviewer"} | settings)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """Show the explorer below a notebook cell."""
        if in_kernel():
            prepare_kernel()
            self.state.later = kernel_loop()
        return self.layout()._repr_mimebundle_(include, exclude)


def _on_document(document: Any) -> Callable[[Callable[[], None]], None]:
    """Runs actions on a served session's document, from any thread."""
    return document.add_next_tick_callback


def _export_menu(state: State) -> Any:
    from galviewer.explorer import export_menu

    return export_menu.build(state)


def _batch_page(state: State) -> Any:
    from galviewer.explorer import batch_page

    return batch_page.build(state)
