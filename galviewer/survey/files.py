"""FITS files to native arrays: suffixes, extensions, compression, and every way to be unreadable."""

from __future__ import annotations

import re
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits

from galviewer.errors import InputError

SUFFIX = re.compile(r"\.(fits|fit|fts)(\.gz|\.fz)?$", re.IGNORECASE)
UNREADABLE = (OSError, TypeError, ValueError, EOFError, KeyError, IndexError, zlib.error, fits.VerifyError)

_QUIET = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings of astropy's inside; one thread at a time, for catch_warnings is not thread safe."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class Plane(NamedTuple):
    """One image of a file with its header."""

    array: np.ndarray
    header: Any  # astropy Header, used as a mapping


def stem(path: str) -> str | None:
    """Path without FITS suffix, None for other files."""
    match = SUFFIX.search(path)
    return path[: match.start()] if match else None


def split_extension(path: str | Path) -> tuple[Path, str | None]:
    """``file.fits[SCI]`` to its path and extension; a file really called so wins."""
    text = str(path)
    match = re.fullmatch(r"(.+)\[([^\[\]]+)\]", text)
    if match is None or Path(text).exists():
        return Path(text), None
    return Path(match.group(1)), match.group(2)


def read_planes(
    path: str | Path, whose: str, names: dict[str, tuple[str, ...]], first: str, hdu: str | None = None
) -> dict[str, Plane]:
    """Images of a file, by role.

    Parameters
    ----------
    path : path
        FITS file, possibly compressed, possibly ``file.fits[EXTENSION]``.
    whose : str
        Galaxy, for messages.
    names : dict
        Extension names of each role that is wanted from this file.
    first : str
        The role that must be there: by `hdu`, by its extension names, or as the first image.
    hdu : str, optional
        Name or number of the HDU that holds `first`.

    Returns
    -------
    dict of role to Plane
        Arrays as stored after BSCALE and BZERO, native byte order, one-plane cubes squeezed.

    Raises
    ------
    InputError
        The file is missing, unreadable, truncated, or has no such image.
    """
    path, extension = split_extension(path)
    if not path.is_file():
        raise InputError(whose, f"there is no file {path}", "a FITS file", "check the name")
    try:
        with quiet(), fits.open(path, memmap=False) as hdus:
            chosen = _choose(hdus, whose, path.name, names, first, extension or hdu)
            return {role: _plane(one, whose, path.name, role) for role, one in chosen.items()}
    except UNREADABLE as error:
        raise InputError(
            whose,
            f"{path.name} cannot be read ({_reason(error, path)})",
            "a complete FITS file",
            "copy or make the file again",
        ) from error


def _choose(
    hdus: fits.HDUList,
    whose: str,
    file: str,
    names: dict[str, tuple[str, ...]],
    first: str,
    wanted: str | None,
) -> dict[str, Any]:
    """The HDU of each role."""
    images = [hdu for hdu in list[Any](hdus) if is_image(hdu)]
    chosen: dict[str, Any] = {}
    for role, known in names.items():
        named = [hdu for hdu in images if hdu.name.upper() in known]
        if named:
            chosen[role] = named[0]
    if wanted is not None:
        chosen[first] = _wanted(hdus, wanted)
    elif first not in chosen and images:
        chosen[first] = images[0]
    if chosen.get(first) is None:
        found = ", ".join(f"{i} {hdu.name or 'unnamed'} ({_kind(hdu)})" for i, hdu in enumerate(hdus))
        raise InputError(
            whose,
            f"{file} has no {first} "
            + (f"in HDU {wanted}" if wanted else "in any HDU")
            + f"; its HDUs are: {found}",
            "a two-dimensional image",
            "name the right HDU, as in file.fits[NAME], or give another file",
        )
    return chosen


def _wanted(hdus: fits.HDUList, wanted: str) -> Any:
    """The image HDU of that name or number, or None."""
    for number, hdu in enumerate(hdus):
        if wanted in (str(number), hdu.name) or wanted.upper() == hdu.name.upper():
            return hdu if is_image(hdu) else None
    return None


def is_image(hdu: Any) -> bool:
    """Whether an HDU holds an image of at least two dimensions (judged by its header)."""
    return bool(hdu.is_image) and hdu.header.get("NAXIS", 0) >= 2


def _kind(hdu: Any) -> str:
    """What an HDU holds, in words."""
    if not hdu.is_image:
        return "table"
    sides = [str(hdu.header.get(f"NAXIS{i + 1}")) for i in range(hdu.header.get("NAXIS", 0))]
    return " x ".join(sides) if sides else "empty"


def _plane(hdu: Any, whose: str, file: str, role: str) -> Plane:
    """Array and header of an image HDU."""
    array = hdu.data
    if array is None:
        raise InputError(whose, f"{file} has no pixels in HDU {hdu.name}", "a two-dimensional image")
    array = np.asarray(array)
    if array.ndim > 2:
        array = array.reshape([n for n in array.shape if n > 1] or [1, 1])
    if array.ndim != 2:
        sides = " x ".join(map(str, reversed(hdu.data.shape)))
        raise InputError(
            whose,
            f"the {role} in {file} has {hdu.data.ndim} dimensions ({sides})",
            "two dimensions, or planes of which only one is left",
            "cut out the plane to be fitted",
        )
    return Plane(array, hdu.header)


def _reason(error: BaseException, path: Path) -> str:
    """Why a file is unreadable, in words."""
    size = path.stat().st_size
    if size == 0:
        return "the file is empty"
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    truncated = ("buffer is too small", "ended before", "truncated", "END card", "cannot reshape", "Error -5")
    if any(sign in text for sign in truncated) or isinstance(error, EOFError):
        return f"it is truncated or damaged: {text}"
    return text
