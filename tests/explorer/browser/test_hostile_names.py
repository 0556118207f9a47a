"""Names and headers that are HTML: the page shows them as the text they are."""

from __future__ import annotations

import shutil
from pathlib import Path

from astropy.io import fits
from harness import Screen, explorer

NAME = "x<img src=q onerror=alert(1)>&lt;b&gt;"
OBJECT = "<script>alert(2)</script><img src=q onerror=alert(3)>"


def test_markup_in_names_and_headers_stays_text(browser, few: Path, tmp_path: Path):
    folder = tmp_path / "a <i>folder<b> é"
    folder.mkdir()
    for path in few.glob("gv01_*"):
        shutil.copy(path, folder / path.name.replace("gv01", NAME))
    with fits.open(next(folder.glob("*_image*"))) as hdus:
        for hdu in hdus:
            hdu.header["OBJECT"] = OBJECT
            hdu.header["FILTER"] = "<b onmouseover=alert(4)>r</b>"
        data = [hdu.copy() for hdu in hdus]
        fits.HDUList(data).writeto(folder / "second<u>_image.fits")
    for role in ("sigma", "psf"):
        source = next(folder.glob(f"{NAME.replace('[', '[[]')}_{role}*"))
        shutil.copy(source, folder / f"second<u>_{role}.fits.gz")
    with explorer(folder, tmp_path / "log") as url:
        screen = Screen(browser, url)
        screen.until(lambda: screen.part("row").count() == 2, "both galaxies are listed")
        for name in ("second<u>", NAME):
            screen.page.get_by_text(name, exact=True).first.click()
            screen.until(lambda name=name: screen.part("name").inner_text() == name, f"{name} as text")
        assert screen.page.locator("img[src=q], u, script:has-text('alert')").count() == 0
        screen.part("tab-batch").click()
        screen.part("batch-check").click()
        screen.part("batch-check-counts").and_(screen.page.locator('[data-done="true"]')).wait_for()
        assert screen.page.locator("img[src=q]").count() == 0
        screen.close()
