"""Time from a slider's move to the pixels it paints, in a real Chromium, and the server's share of it.

Usage::

    python benchmarks/latency.py [--side 256] [--moves 60] [--chromium PATH]

The galaxy is a bulge, a disk and a point source on 256 x 256 pixels, drawn by GalSim. In the page, a move is
an ``input`` event on the slider; it is over when a frame begins in which the model panel's canvas has other
pixels.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from galviewer.explorer import server
from galviewer.explorer.app import Explorer
from galviewer.model import Component, Model, Tie, template
from galviewer.survey import Galaxy

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sample_data"))
import make_sample_data as drawing  # noqa: E402

SLIDERS = ("bulge_r_eff", "bulge_n", "disk_r_eff", "disk_pa", "point_mag")
MEASURE = """
async ([slider, panel, moves]) => {
  const inside = (e) => (e.shadowRoot ? all(e.shadowRoot) : [])
  const all = (node) => [...node.querySelectorAll("*")].flatMap((e) => [e, ...inside(e)])
  const canvases = all(panel).filter((e) => e.tagName === "CANVAS" && e.width > 100)
  const look = () => canvases.map((c) => {
    const [w, h] = [c.width / 2, c.height / 2]
    const data = new Uint32Array(c.getContext("2d").getImageData(w / 2, h / 2, w, h).data.buffer)
    let sum = 0
    for (let i = 0; i < data.length; i++) sum = (Math.imul(sum, 31) + data[i]) | 0
    return sum
  }).join()
  const frame = () => new Promise(requestAnimationFrame)
  const times = []
  for (let k = 0; k < moves; k++) {
    const before = look()
    const begin = performance.now()
    slider.value = Number(slider.value) + (k % 2 ? -0.03 : 0.03)
    slider.dispatchEvent(new Event("input"))
    do { await frame() } while (look() === before && performance.now() - begin < 5000)
    times.push(performance.now() - begin)
    await new Promise((resolve) => setTimeout(resolve, 80))
  }
  slider.dispatchEvent(new Event("change"))
  return times
}
"""


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--moves", type=int, default=60, help="moves of each slider")
    parser.add_argument("--chromium", default=shutil.which("chromium") or shutil.which("google-chrome"))
    return parser.parse_args()


def galaxy(side: int) -> Galaxy:
    """A bulge, a disk and a point source with noise."""
    parts = (
        drawing.Part("bulge", 0.3, 4.0, 3.0, 0.8, 40.0),
        drawing.Part("disk", 0.6, 0.1 * side, 1.0, 0.5, 60.0),
        drawing.Part("point", 0.1),
    )
    recipe = drawing.Recipe("galaxy", "bulge+disk", (side, side), 500, parts)
    arrays, _ = drawing.make_galaxy(recipe, 1)
    return Galaxy.from_arrays(
        arrays["image"], arrays["sigma"], arrays["psf"], name="galaxy", zeropoint=drawing.ZEROPOINT
    )


def three_components() -> Model:
    """Bulge, disk and point source with one centre."""
    point = Component("point", "point").replace("x", tied=Tie("bulge.x")).replace("y", tied=Tie("bulge.y"))
    return template("bulge+disk").with_component(point)


def drive(url: str, options: argparse.Namespace, results: dict[str, list[float]]) -> None:
    """Open the page, move every slider, keep the times, and end the server."""
    from playwright.sync_api import sync_playwright

    try:
        with sync_playwright() as playwright:
            chrome = playwright.chromium.launch(
                executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            page = chrome.new_page(viewport={"width": 1600, "height": 900})
            page.goto(url)
            panel = page.locator('[data-test="plot-model"]').element_handle()
            page.wait_for_timeout(4000)
            for column in SLIDERS:
                slider = page.locator(f'input[type=range][data-column="{column}"]').element_handle()
                page.evaluate(MEASURE, [slider, panel, 3])  # warms caches
                results[column] = page.evaluate(MEASURE, [slider, panel, options.moves])
            chrome.close()
    finally:
        os.kill(os.getpid(), signal.SIGINT)


def main() -> None:
    """Serve, measure, print."""
    options = arguments()
    sessions: list[Explorer] = []

    class Watched(Explorer):
        """An explorer whose sessions are kept to read their timings."""

        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            sessions.append(self)

    server.Explorer = Watched
    results: dict[str, list[float]] = {}

    def ready(url: str) -> None:
        threading.Thread(target=drive, args=(url, options, results), daemon=True).start()

    server.serve(galaxy(options.side), port=0, open_browser=False, ready=ready, model=three_components())
    print(f"{options.side} x {options.side}, three components, {options.moves} moves per slider; ms\n")
    print("| slider | median | 95 % | worst |")
    print("|---|---|---|---|")
    rows = {**results, "all": [t for times in results.values() for t in times]}
    rows["server, per move"] = [1e3 * t for session in sessions for t in session.state.timings]
    for name, times in rows.items():
        if times:
            late = np.percentile(times, 95)
            print(f"| {name} | {statistics.median(times):.0f} | {late:.0f} | {max(times):.0f} |")


if __name__ == "__main__":
    main()
