"""The schemas and the built-in prompts: package data in a wheel, the repository's root in a checkout.

They stand at the top of the repository, where people look for them. A wheel carries them below ``onbook/_data``; a
checkout and an editable install read them where they stand. Names are paths from the repository's root.
"""

from __future__ import annotations

import functools
import os.path
from typing import TYPE_CHECKING

from onbook.errors import OnbookError

if TYPE_CHECKING:
    from pathlib import Path

# Plain os.path and the module's own loader: importlib.resources and pathlib would cost more than all the rest here.
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


@functools.cache
def schema(name: str) -> dict[str, object]:
    """The JSON Schema of one of onbook's formats: ``schema("prompt")``. Read once and shared: do not change it.

    Raises:
        OnbookError: there is none of that name.
    """
    import json

    return dict(json.loads(read(f"schemas/{name}.schema.json")))


def read(name: str) -> bytes:
    """The bytes of a file: ``read("prompts/judges/rubric.prompt.yml")``.

    Raises:
        OnbookError: this installation does not have it.
    """
    for root in _roots():
        try:
            # Not open(): this module's own loader also reads from an installation inside a zip file.
            return bytes(globals()["__loader__"].get_data(os.path.join(root, name)))
        except OSError:
            continue
    raise _missing(name)


def path(name: str) -> Path:
    """Where a file or a folder is on disk: ``path("prompts")``.

    Raises:
        OnbookError: this installation does not have it, or is itself inside a zip file.
    """
    from pathlib import Path

    for root in _roots():
        if os.path.exists(found := os.path.join(root, name)):
            return Path(found)
    raise _missing(name)


def _roots() -> list[str]:
    """Where to look, in order. Beside any other folder than ``tool`` the files would be somebody else's."""
    above, folder = os.path.split(os.path.dirname(_PACKAGE))
    return [os.path.join(_PACKAGE, "_data"), *([above] if folder == "tool" else [])]


def _missing(name: str) -> OnbookError:
    return OnbookError(
        f"this installation of onbook has no {name}",
        place=_PACKAGE,
        hint="its data files are incomplete: install it again with `pip install --force-reinstall onbook`",
    )
