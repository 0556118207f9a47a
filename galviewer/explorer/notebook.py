"""Being shown in a notebook: load what the browser needs, and run actions on the kernel's own loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import panel as pn

_prepared = False


def in_kernel() -> bool:
    """Whether this process is a Jupyter kernel."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None and hasattr(get_ipython(), "kernel")


def prepare_kernel() -> None:
    """Load Panel's browser side into the notebook, once and from this installation, never from a network."""
    global _prepared
    if not _prepared:
        pn.extension(inline=True)
        _prepared = True


def kernel_loop() -> Callable[[Callable[[], Any]], None]:
    """Runs actions on the kernel's event loop, from any thread."""
    from tornado.ioloop import IOLoop

    loop = IOLoop.current()
    return lambda action: loop.add_callback(action)
