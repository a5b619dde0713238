"""Writing files so that a killed process leaves the old one or the new one, never half of either."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

TEMPORARY = ".onbook-"
"""How the names of files begin that a killed process may leave."""


def write_atomic(path: Path, data: bytes | Iterable[bytes], *, durable: bool = True) -> None:
    """Write a file in one step, with the permissions of the one that it replaces.

    Args:
        data: its bytes, all at once or one part after another.
        durable: wait until the disk has it. What can be made again need not be waited for.

    Raises:
        OSError: as writing a file does; it names this file.
    """
    # Not mkstemp: a new file has the permissions that the person's umask gives to every new file.
    temporary = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}")
    try:
        with temporary.open("xb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if path.exists():
            temporary.chmod(path.stat().st_mode & 0o777)
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = os.fspath(path)
        raise
