"""Slider to painted pixels, measured in the browser.

``python benchmarks/latency.py [--size 256] [--moves 120] [--json FILE]``

A galaxy of SIZE x SIZE pixels with a 41 x 41 PSF and three elliptical components (bulge, bar, disk) is
served as users serve it. Chromium drags one slider with real mouse events, one move at a time. The clock
starts at the event's own time stamp and stops after the first frame in which pixels of the model's canvas
differ; the component ellipses are switched off, so nothing but the model can differ. Server time is what
Python spends on one move: rendering, residuals, radial profile, and handing the changes to Bokeh.
Afterwards the slider is dragged without waiting, and the frames that show a new model are counted.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZE_OF_PSF = 41
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

WATCH = """
() => {
  const deep = function* (root) {
    for (const node of root.children) {
      yield node
      if (node.shadowRoot) yield* deep(node.shadowRoot)
      yield* deep(node)
    }
  }
  const all = [...deep(document.body)]
  const plot = all.find((n) => n.dataset?.test === "plot-model")
  const canvases = [...deep(plot)].filter((n) => n.tagName === "CANVAS" && n.width > 50)
  const strip = () => canvases.map((c) => {
    const context = c.getContext("2d"), row = Math.floor(c.height / 2) - 2
    return context ? context.getImageData(0, row, c.width, 4).data : new Uint8ClampedArray()
  })
  const differs = (a, b) => a.some((row, k) => row.some((v, i) => v !== b[k][i]))
  const afterFrame = (f) => requestAnimationFrame(() => {
    const channel = new MessageChannel()
    channel.port1.onmessage = f
    channel.port2.postMessage(0)
  })
  const watch = (window.gvWatch = { frames: 0, last: null, waiting: false })
  window.addEventListener("input", (event) => {
    if (watch.waiting) return
    watch.waiting = true
    watch.last = null
    const before = strip(), begin = event.timeStamp
    const look = () => afterFrame(() => {
      if (differs(strip(), before)) {
        watch.last = performance.now() - begin
        watch.waiting = false
      } else if (performance.now() - begin < 5000) look()
      else watch.waiting = false
    })
    look()
  }, true)
  watch.count = (milliseconds) => new Promise((done) => {
    let seen = strip(), frames = 0
    const end = performance.now() + milliseconds
    const look = () => afterFrame(() => {
      const now = strip()
      if (differs(now, seen)) frames += 1
      seen = now
      performance.now() < end ? look() : done(frames)
    })
    look()
  })
}
"""


def galaxy_and_model(size: int):
    """A noisy stamp of three components, and the model that made it."""
    from galviewer.model import Component, Model, template
    from galviewer.run.single import Workbench
    from galviewer.survey import Galaxy

    bulge_disk = template("bulge+disk")
    bulge = bulge_disk.component("bulge")
    bar = Component("bar", bulge.profile, bulge.parameters)
    model = Model((bulge, bar, bulge_disk.component("disk")), name="bulge+bar+disk")
    y, x = np.mgrid[:SIZE_OF_PSF, :SIZE_OF_PSF] - SIZE_OF_PSF // 2
    psf = (1 + (x**2 + y**2) / 2.5**2) ** -3.0
    noise = np.random.default_rng(5).normal(size=(size, size))
    blank = Galaxy.from_arrays(noise, sigma=np.ones_like(noise), psf=psf, zeropoint=25.0)
    truth = {
        "x": size / 2 - 0.3, "y": size / 2 + 0.4,
        "bulge_mag": 15.5, "bulge_r_eff": size / 50, "bulge_n": 3.0, "bulge_q": 0.9, "bulge_pa": 30.0,
        "bar_mag": 15.8, "bar_r_eff": size / 18, "bar_n": 0.7, "bar_q": 0.35, "bar_pa": 60.0,
        "disk_mag": 14.2, "disk_r_eff": size / 7, "disk_q": 0.6, "disk_pa": 110.0,
    }  # fmt: skip
    values = np.array([truth.get(c, truth.get(c.split("_", 1)[1], 0.0)) for c in model.columns])
    image = Workbench(blank, model).render(values).sum(axis=0)
    galaxy = Galaxy.from_arrays(image + noise, sigma=np.ones_like(noise), psf=psf, zeropoint=25.0)
    return galaxy, model, values


def serve(size: int, port: int, report: Path) -> None:
    """Serve the galaxy until terminated, then write the server's times."""
    import panel as pn

    from galviewer.explorer.app import Explorer

    galaxy, model, values = galaxy_and_model(size)
    states = []

    def page():
        explorer = Explorer(galaxy, model)
        explorer.state.set_values(values)
        states.append(explorer.state)
        return explorer.session_page()

    def finish(*_: object) -> None:
        report.write_text(json.dumps([1e3 * seconds for state in states for seconds in state.timings]))
        os._exit(0)

    signal.signal(signal.SIGTERM, finish)
    pn.serve({"/": page}, port=port, address="127.0.0.1", show=False, title="latency")


def measure(url: str, chromium: str, column: str, moves: int) -> tuple[list[float], float]:
    """Milliseconds of each move, and new models per second in a continuous drag."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 1600, "height": 900})
        page.goto(url)
        slider = page.locator(f'input[type=range][data-column="{column}"]')
        slider.wait_for()
        page.locator('[data-test="show_ellipses"]').click()
        page.wait_for_timeout(1500)
        page.evaluate(WATCH)
        box = slider.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        places = [box["x"] + box["width"] * (0.3 + 0.4 * (0.618 * k % 1)) for k in range(moves + 6)]
        page.mouse.move(places[0], middle)
        page.mouse.down()
        times = []
        page.wait_for_timeout(500)
        for place in places[1:]:
            page.evaluate("gvWatch.last = null")
            page.mouse.move(place, middle)
            page.wait_for_function("gvWatch.last !== null", polling=5)
            times.append(page.evaluate("gvWatch.last"))
        frames = _drag(page, box, middle)
        page.mouse.up()
        browser.close()
    return times[5:], frames


def _drag(page, box: dict[str, float], middle: float, seconds: float = 3.0) -> float:
    """Frames per second with a new model while the slider moves all the time."""
    page.evaluate(f"void (window.gvFrames = gvWatch.count({1000 * seconds}))")
    end = time.monotonic() + seconds
    k = 0
    while time.monotonic() < end:
        k += 1
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.25 * np.sin(0.1 * k)), middle)
    return page.evaluate("window.gvFrames") / seconds


def summary(values: list[float]) -> dict[str, float]:
    """Median, 90th percentile and maximum."""
    return {
        "median": float(np.median(values)),
        "p90": float(np.percentile(values, 90)),
        "max": float(np.max(values)),
        "count": len(values),
    }


def main() -> int:
    """Measure and report; 1 if a limit of the design is missed."""
    parser = argparse.ArgumentParser(description="slider to painted pixels")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--moves", type=int, default=120)
    parser.add_argument("--column", default="bar_r_eff")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.size, arguments.serve, arguments.report)
        return 0
    chromium = os.environ.get("GALVIEWER_CHROMIUM") or shutil.which("chromium")
    if not chromium:
        sys.exit("no Chromium found; install one or set GALVIEWER_CHROMIUM")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "server.json"
        total, frames = _with_server(arguments, chromium, report)
        server = json.loads(report.read_text())[5:]
    result = {
        "size": arguments.size,
        "components": 3,
        "slider": arguments.column,
        "total_ms": summary(total),
        "server_ms": summary(server),
        "models_per_second_in_a_drag": frames,
    }
    for name in ("total_ms", "server_ms"):
        print(f"{name:10s}" + "".join(f"  {key} {value:6.1f}" for key, value in result[name].items()))
    print(f"continuous drag: {frames:.0f} new models per second")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))
    return int(result["total_ms"]["median"] > 120 or result["server_ms"]["median"] > 20)


def _with_server(arguments: argparse.Namespace, chromium: str, report: Path) -> tuple[list[float], float]:
    """Run the measurement against a server process of its own."""
    import socket
    import urllib.request

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    command = [sys.executable, __file__, f"--serve={port}", f"--report={report}", f"--size={arguments.size}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(300):
            if process.poll() is not None:
                sys.exit("the server ended early")
            try:
                urllib.request.urlopen(url, timeout=10).close()
                break
            except OSError:
                time.sleep(0.2)
        return measure(url, chromium, arguments.column, arguments.moves)
    finally:
        process.terminate()
        process.wait(20)


if __name__ == "__main__":
    sys.exit(main())
