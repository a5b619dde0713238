"""Entry points of installed packages. Most environments have none, and looking for them must not be felt."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def entry_points(group: str) -> list[EntryPoint]:
    """The entry points of a group.

    ``importlib.metadata`` knows them, but importing it takes as long as a good part of what a command does: it is asked
    only where an installed package names the group, or where packages may stand that only it can read.
    """
    if not _may_be_named(f"[{group}]".encode()):
        return []
    from importlib import metadata

    return list(metadata.entry_points(group=group))


def _may_be_named(section: bytes) -> bool:
    if any(hasattr(finder, "find_distributions") and finder is not PathFinder for finder in sys.meta_path):
        return True
    for folder in dict.fromkeys(sys.path):
        try:
            names = os.listdir(folder or ".")
        except NotADirectoryError:
            return True  # an archive
        except OSError:
            continue
        for name in names:
            kind = name.lower().rpartition(".")[2]
            if kind == "egg":
                return True
            if kind in ("dist-info", "egg-info") and _names(os.path.join(folder, name, "entry_points.txt"), section):
                return True
    return False


def _names(path: str, section: bytes) -> bool:
    try:
        with open(path, "rb", buffering=0) as file:
            return section in file.read()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
