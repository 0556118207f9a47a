"""Files that are there completely or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from galviewer.errors import RunError

_UNSAFE = re.compile(r'[/\\:*?"<>|%\x00-\x1f\x7f]')
_LONGEST = 180


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well.

    Parameters
    ----------
    path : path
        The file to create or replace.

    Yields
    ------
    Path
        Where to write; its suffix is that of `path`. Removed when the block fails.

    Raises
    ------
    RunError
        If the file cannot be written: folder missing or read-only, disk full.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name[:_LONGEST]}.{os.getpid()}.partial{''.join(path.suffixes[-1:])}")
    try:
        partial.unlink(missing_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def unwritable(path: str | Path, error: OSError) -> RunError:
    """What to tell the user when `path` could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            str(path), "the disk is full", "room for the results", "free some space, then resume the run"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunError(
            str(path), "may not be written", "a writable folder", "choose another one or change its rights"
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return RunError(str(path), "lies in no folder", "an existing folder", "create it first")
    return RunError(str(path), f"cannot be written ({error.strerror or error})", "a writable file")


def file_name(name: str) -> str:
    """A galaxy's name as a file name without suffix, the same on every system and never a path.

    Characters that some file system forbids become ``%XX``; names that are too long end in a checksum.
    """
    safe = _UNSAFE.sub(lambda match: f"%{ord(match.group()):02X}", name)
    if safe.startswith(".") or not safe:
        safe = "%2E" + safe[1:]
    if len(safe.encode()) <= _LONGEST:
        return safe
    import hashlib

    head = safe.encode()[: _LONGEST - 17].decode(errors="ignore")
    return f"{head}-{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"
