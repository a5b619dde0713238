"""Wheels made of what is installed here, so that pip installs the tool elsewhere without a network."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def wheelhouse(folder: Path, roots: Iterable[str]) -> Path:
    """A folder with a wheel for each of these distributions and for all that they require, without onbook's own."""
    folder.mkdir(parents=True)
    waiting, done = list(roots), {"onbook"}
    while waiting:
        name = waiting.pop()
        found = distribution(name)
        wanted = [Requirement(text) for text in found.requires or ()]
        waiting += [need.name for need in wanted if need.marker is None or need.marker.evaluate({"extra": ""})]
        if name.lower() not in done:
            done.add(name.lower())
            _pack(found, folder)
    return folder


def _pack(found: Distribution, folder: Path) -> None:
    # The inverse of installing (https://packaging.python.org/specifications/binary-distribution-format): the files that
    # RECORD lists, without scripts and compiled code, which the installer makes anew.
    tags = [line[5:] for line in (found.read_text("WHEEL") or "").splitlines() if line.startswith("Tag: ")]
    stem = f"{found.name.replace('-', '_')}-{found.version}"
    with zipfile.ZipFile(folder / f"{stem}-{tags[0]}.whl", "w") as wheel:
        for file in found.files or ():
            if (
                ".." not in file.parts
                and "__pycache__" not in file.parts
                and file.name not in ("INSTALLER", "REQUESTED")
            ):
                wheel.write(str(file.locate()), str(file))
