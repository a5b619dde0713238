"""What many tests begin with is made once a process, and each has a copy of its files.

return Person(copied(_released, tmp_path / "r"))
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

_made: dict[Callable[[Path], object], Path] = {}


def copied(make: Callable[[Path], object], path: Path) -> Path:
    """A folder as ``make`` makes it, which is called once. What it makes must not say where it stands."""
    if make not in _made:
        # The home of the tests, which is removed after them.
        place = Path(tempfile.mkdtemp(prefix="made-", dir=Path.home())) / "it"
        make(place)
        _made[make] = place
    shutil.copytree(_made[make], path, symlinks=True, dirs_exist_ok=True)
    return path
