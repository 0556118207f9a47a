"""Where the sample galaxies lie: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder() -> Path:
    """Folder of the 24 sample galaxies, ready for ``galviewer fit`` or :func:`galviewer.survey.scan`.

    Returns
    -------
    Path
        Absolute path of a folder holding ``gvNN_image.fits.gz`` and so on, ``truth.csv`` and ``bad/``.

    Raises
    ------
    FileNotFoundError
        If the sample galaxies are neither in the package nor beside it.
    """
    for candidate in (_PACKAGE / "_sample_data", _PACKAGE.parent / "sample_data"):
        if (candidate / "truth.csv").is_file():
            return candidate
    raise FileNotFoundError(
        f"the sample galaxies are neither in {_PACKAGE / '_sample_data'} nor in "
        f"{_PACKAGE.parent / 'sample_data'}; install galviewer again or take a fresh checkout"
    )
