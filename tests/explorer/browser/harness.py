"""A served explorer, a Chromium that looks at it, and what a test wants to know of the screen."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Locator, Page

ROOT = Path(__file__).resolve().parents[3]
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE_MS = 20_000
"""How long a condition may take on slow cores before the test fails."""


def free_port() -> int:
    """A port on the loopback interface that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def environment(**more: str) -> dict[str, str]:
    """The environment of a child that imports this checkout's galviewer on one thread."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **more}


@contextlib.contextmanager
def running(command: list[str], url: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server process that answers at `url`; ended, with its children, at the end."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment(**more), start_new_session=True
        )
    try:
        _wait_until_it_answers(process, url, log)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{url} answers {error.code}:\n{log.read_text()[-3000:]}") from error
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer:\n{log.read_text()[-3000:]}")


@contextlib.contextmanager
def explorer(source: Path, log: Path, *arguments: str) -> Iterator[str]:
    """`galviewer explore SOURCE` on a free port; yields its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    command = [sys.executable, "-m", "galviewer", "explore", str(source)]
    with running([*command, f"--port={port}", "--no-browser", *arguments], url, log):
        yield url


class Watch:
    """Listens to a page; knows every error it reported and every request that left the machine."""

    def __init__(self, page: Page) -> None:
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda m: self.errors.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("requestfailed", lambda request: self.errors.append(f"failed: {request.url}"))
        page.on("response", lambda r: self.errors.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.on("request", self._request)
        page.on("dialog", self._dialog)

    def _request(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if "//127.0.0.1" not in url and not url.startswith(("data:", "blob:")):
            self.foreign.append(url)

    def _dialog(self, dialog: object) -> None:
        self.errors.append(f"dialog: {getattr(dialog, 'message', '')}")
        getattr(dialog, "dismiss", lambda: None)()

    def check(self) -> None:
        """Fail on anything a user's console would show in red or yellow."""
        assert not self.errors, self.errors
        assert not self.foreign, self.foreign


class Screen:
    """One page of the explorer.

    Parameters
    ----------
    browser : BrowserContext
        Chromium; tabs share its cache.
    url : str
        Address of the explorer.
    """

    def __init__(self, browser: BrowserContext, url: str) -> None:
        self.page: Page = browser.new_page()
        self.watch = Watch(self.page)
        self.page.goto(url)

    def close(self) -> None:
        """Close the tab and check that it never complained."""
        self.page.close()
        self.watch.check()

    def part(self, test: str, **data: str) -> Locator:
        """The element with that ``data-test``, and other data attributes if given."""
        more = "".join(f'[data-{key}="{value}"]' for key, value in data.items())
        return self.page.locator(f'[data-test="{test}"]{more}')

    def slider(self, column: str) -> Locator:
        """The slider of a parameter."""
        return self.page.locator(f'input[type=range][data-column="{column}"]')

    def number(self, column: str) -> Locator:
        """The number box of a parameter."""
        return self.part("number", column=column)

    def value(self, column: str) -> float:
        """What the number box of a parameter says."""
        return read_number(self.number(column).input_value())

    def pixels(self, test: str) -> np.ndarray:
        """A screenshot of one element, (H, W, 3) float, 0 to 255."""
        png = self.part(test).first.screenshot(animations="disabled")
        with Image.open(io.BytesIO(png)) as image:
            return np.asarray(image.convert("RGB"), float)

    def until(self, condition: Callable[[], bool], what: str, seconds: float = PATIENCE_MS / 1000) -> None:
        """Wait for a condition of this side, letting the browser work in between."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds:.0f} s")
            self.page.wait_for_timeout(40)

    def until_painted(self, test: str, before: np.ndarray, least: float = 0.2) -> np.ndarray:
        """Wait until an element looks different; returns its new pixels."""
        seen: list[np.ndarray] = []

        def different() -> bool:
            seen[:] = [self.pixels(test)]
            return seen[0].shape != before.shape or float(np.abs(seen[0] - before).mean()) > least

        self.until(different, f"{test} painted anew")
        return seen[0]


def read_number(text: str) -> float:
    """A number as the page writes it: true minus, thin spaces."""
    return float(text.replace("−", "-").replace("\u2009", "").replace("\u202f", "").split("±")[0])
