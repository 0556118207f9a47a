"""Being shown in a notebook: load what the browser needs, and run actions on the kernel's own loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import panel as pn


def in_kernel() -> bool:
    """Whether this process is a Jupyter kernel."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None and hasattr(get_ipython(), "kernel")


@cache
def prepare_kernel() -> None:
    """Load Panel's browser side into the notebook, once and from this installation, never from a network."""
    pn.extension(inline=True)


def kernel_loop() -> Callable[[Callable[[], Any]], None]:
    """Runs actions on the kernel's event loop, from any thread."""
    from tornado.ioloop import IOLoop

    return IOLoop.current().add_callback
