"""Serving the explorer: one state per browser session, localhost unless told otherwise."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import panel as pn

from galviewer.errors import SettingsError
from galviewer.explorer.app import Explorer
from galviewer.explorer.source import open_source

_LOCAL = ("127.0.0.1", "localhost", "::1")


def serve(
    source: Any,
    *,
    port: int = 5006,
    address: str = "127.0.0.1",
    open_browser: bool = True,
    ready: Callable[[str], None] | None = None,
    model: Any = "sersic",
    folder: Any = None,
    survey_settings: Any = None,
    settings: Any = None,
    password: str | None = None,
    **more: Any,
) -> None:
    """Serve the explorer until interrupted.

    Parameters
    ----------
    source : path, galaxies, arrays
        See `galviewer.explorer.explore`.
    port : int
        0 takes a free one.
    address : str
        Where to listen; other than this machine only with a `password`.
    open_browser : bool
        Open the page in the user's browser.
    ready : callable, optional
        Called with the URL once the server listens.
    model, folder, survey_settings, settings
        See `Explorer`.
    password : str, optional
        Asked of every visitor.
    **more
        For `panel.serve`.

    Raises
    ------
    SettingsError
        If it should listen beyond this machine without a password.
    InputError
        If there is nothing to open.
    """
    if address not in _LOCAL and not password:
        raise SettingsError(
            f"address {address}",
            "is open to other machines",
            "a password",
            "give one, or use an ssh tunnel to 127.0.0.1",
        )
    leave_a_core()
    opened = open_source(source, folder=folder, settings=survey_settings)

    def page() -> Any:
        return Explorer(opened, model, settings=settings).session_page()

    if password:
        more |= {"basic_auth": password, "cookie_secret": _secret()}
    server = pn.serve(
        {"/": page},
        port=port,
        address=address,
        show=False,
        start=False,
        title="galviewer",
        verbose=False,
        **more,
    )
    server.start()
    url = f"http://{'localhost' if address in _LOCAL else address}:{server.port}/"
    if ready is not None:
        server.io_loop.add_callback(lambda: ready(url))
    if open_browser:
        server.io_loop.add_callback(lambda: server.show("/"))
    try:
        server.io_loop.start()
    except KeyboardInterrupt:
        pass
    finally:
        server.stop()


def leave_a_core() -> None:
    """Keep one core free for the browser and the server: called where a whole process serves the explorer.

    Torch's threads wait for each other by spinning, so one of them on a busy core holds up every slider move.
    The user's own ``OMP_NUM_THREADS`` wins.
    """
    threads = max(1, min(4, (os.cpu_count() or 1) - 1))
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


def _secret() -> str:
    import secrets

    return secrets.token_hex(32)
