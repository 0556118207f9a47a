"""Which galaxies are fitted together, decided once and the same for every resumption.

Galaxies whose images (and PSFs) have the same sides come together, in the order of the folder; each group
is cut into parts. A part is the unit of work and of the catalogue: it is there completely or fitted again as
a whole.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from galviewer.errors import RunError
from galviewer.survey import Entry
from galviewer.survey.files import split_extension

MOST_PARTS = 2000
"""Parts of a large run: enough to lose little, few enough for a folder."""

_HEADER_BYTES = 40 * 2880
_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Plan:
    """The galaxies of a run and their parts.

    Parameters
    ----------
    entries : tuple of Entry
        In the folder's order.
    checksums : tuple of str
        Of each galaxy's files and table row.
    parts : tuple of tuple of int
        Indices of the entries in each part.
    """

    entries: tuple[Entry, ...]
    checksums: tuple[str, ...]
    parts: tuple[tuple[int, ...], ...]

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def checksum(self) -> str:
        """Checksum of all inputs together."""
        lines = (f"{e.name}\t{c}\n" for e, c in zip(self.entries, self.checksums, strict=True))
        return hashlib.blake2b("".join(lines).encode(), digest_size=8).hexdigest()

    def rows(self) -> list[tuple[str, int, str]]:
        """Name, part and checksum of every galaxy, in the folder's order."""
        part_of = {index: number for number, part in enumerate(self.parts) for index in part}
        return [(entry.name, part_of[k], self.checksums[k]) for k, entry in enumerate(self.entries)]


def make_plan(entries: Sequence[Entry], part_size: int | None = None, on_gpu: bool = False) -> Plan:
    """Read every file's bytes once, for its checksum and sides, and form parts.

    Parameters
    ----------
    entries : sequence of Entry
        From `survey.scan`.
    part_size : int, optional
        Most galaxies per part; by default few enough for a lively progress bar.
    on_gpu : bool
        Larger parts, as a GPU wants them.
    """
    described = _describe_all(entries)
    size = part_size or default_part_size(len(entries), on_gpu)
    groups: dict[object, list[int]] = defaultdict(list)
    for index, (_, sides) in enumerate(described):
        groups[sides].append(index)
    parts = [
        tuple(members[k : k + size]) for members in groups.values() for k in range(0, len(members), size)
    ]
    return Plan(tuple(entries), tuple(checksum for checksum, _ in described), tuple(parts))


def repeat_plan(entries: Sequence[Entry], rows: Sequence[tuple[str, int, str]], whose: str) -> Plan:
    """The plan of a run that is resumed, if its inputs are still the same.

    Parameters
    ----------
    entries : sequence of Entry
        What the folder holds now.
    rows : sequence of (name, part, checksum)
        What was planned.
    whose : str
        The run, for messages.

    Raises
    ------
    RunError
        If galaxies appeared, vanished or changed since.
    """
    planned, found = [name for name, _, _ in rows], [entry.name for entry in entries]
    missing, extra = sorted(set(planned) - set(found)), sorted(set(found) - set(planned))
    remedy = "restore the folder, or start a new run with another --out"
    if missing:
        raise RunError(
            whose, f"{_some(missing)} of its galaxies are gone from the folder", "the same galaxies", remedy
        )
    if extra:
        raise RunError(
            whose, f"{_some(extra)} came into the folder since it began", "the same galaxies", remedy
        )
    by_name = {entry.name: entry for entry in entries}
    ordered = [by_name[name] for name in planned]
    checksums = [checksum for checksum, _ in _describe_all(ordered)]
    changed = [name for (name, _, old), new in zip(rows, checksums, strict=True) if old != new]
    if changed:
        raise RunError(
            whose, f"the files of {_some(changed)} changed since it began", "the same files", remedy
        )
    parts: dict[int, list[int]] = defaultdict(list)
    for index, (_, part, _) in enumerate(rows):
        parts[part].append(index)
    return Plan(tuple(ordered), tuple(checksums), tuple(tuple(parts[k]) for k in sorted(parts)))


def default_part_size(n_galaxies: int, on_gpu: bool = False) -> int:
    """Galaxies per part: a dozen parts at least, `MOST_PARTS` at most, in between what is fast."""
    least, most = (32, 512) if on_gpu else (4, 24)
    size = min(max(math.ceil(n_galaxies / 12), least), most)
    return max(size, math.ceil(n_galaxies / MOST_PARTS))


def _some(names: Sequence[str]) -> str:
    """The first few names and how many more there are."""
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"


def _describe_all(entries: Sequence[Entry]) -> list[tuple[str, object]]:
    """Checksum and sides of every galaxy's files; reading overlaps."""
    with ThreadPoolExecutor(max_workers=4, thread_name_prefix="galviewer-plan") as pool:
        return list(pool.map(_describe, entries))


def _describe(entry: Entry) -> tuple[str, object]:
    digest = hashlib.blake2b(digest_size=8)
    values = [
        getattr(entry, key)
        for key in ("x", "y", "zeropoint", "pixel_scale", "gain", "read_noise", "sky_level")
    ]
    digest.update(repr((entry.name, values, entry.target)).encode())
    sides = {}
    for role, path in sorted(entry.paths.items()):
        file, extension = split_extension(path)
        checksum, sides[role] = _file(str(file), _stamp(file))
        digest.update(f"{role}\t{file.name}\t{extension}\t{checksum}\n".encode())
    return digest.hexdigest(), (sides.get("image"), sides.get("psf"))


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=64)
def _file(path: str, stamp: object) -> tuple[str, tuple[int, ...]]:
    """Checksum and image sides of a file; one that many galaxies share is read once."""
    try:
        data = Path(path).read_bytes()
    except OSError:
        return _UNREADABLE, ()
    return hashlib.blake2b(data, digest_size=8).hexdigest(), image_sides(data)


def image_sides(data: bytes) -> tuple[int, ...]:
    """Sides of the first image in a FITS file, from its bytes; empty if there is none near the beginning.

    Only used to bring equal galaxies together; whether the file is right is the survey's business.
    """
    if data[:2] == b"\x1f\x8b":
        try:
            data = zlib.decompressobj(31).decompress(data, _HEADER_BYTES)
        except zlib.error:
            return ()
    sides: dict[str, int] = {}
    for start in range(0, min(len(data), _HEADER_BYTES), 80):
        card = data[start : start + 80]
        key = card[:8].rstrip()
        if key == b"END":
            found = sides.get("ZNAXIS1") or sides.get("NAXIS1"), sides.get("ZNAXIS2") or sides.get("NAXIS2")
            if all(found):
                return tuple(side for side in found if side)
            sides = {}
        elif key in (b"NAXIS1", b"NAXIS2", b"ZNAXIS1", b"ZNAXIS2"):
            try:
                sides[key.decode()] = int(card[10:].split(b"/")[0])
            except ValueError:
                return ()
    return ()
