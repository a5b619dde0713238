"""Wheels made of what is installed here, so that pip installs the tool elsewhere without a network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def wheelhouse(folder: Path, roots: Iterable[str], *, alone: Iterable[str] = ()) -> Path:
    """A folder with a wheel for each of these distributions and for all that they require, without onbook's own.

    Args:
        alone: distributions to put there without what they require.
    """
    folder.mkdir(parents=True)
    for name in alone:
        _pack(distribution(name), folder)
    waiting = [(name, "") for name in roots]
    seen, packed = set[tuple[str, str]](), {"onbook"}
    while waiting:
        name, extra = waiting.pop()
        if (name.lower(), extra) in seen:
            continue
        seen.add((name.lower(), extra))
        found = distribution(name)
        for need in map(Requirement, found.requires or ()):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                waiting += [(need.name, wanted) for wanted in ("", *need.extras)]
        if name.lower() not in packed:
            packed.add(name.lower())
            _pack(found, folder)
    return folder


def _pack(found: Distribution, folder: Path) -> None:
    # The inverse of installing (https://packaging.python.org/specifications/binary-distribution-format): the files that
    # RECORD lists, without scripts and compiled code, which the installer makes anew.
    tags = [line[5:] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    stem = f"{found.name.replace('-', '_')}-{found.version}"
    # py2-none-any and py3-none-any are one name, py2.py3-none-any.
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*(tag.split("-") for tag in tags), strict=True))
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
        for file in found.files or ():
            if (
                ".." not in file.parts
                and "__pycache__" not in file.parts
                and file.name not in ("INSTALLER", "REQUESTED")
            ):
                wheel.write(str(file.locate()), str(file))
