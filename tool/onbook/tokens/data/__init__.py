"""Data of the tokenizers and the table of models; ``tool/refresh_tokens.py`` writes all of it."""

from __future__ import annotations

import os.path

from onbook.errors import OnbookError

_FOLDER = os.path.dirname(os.path.abspath(__file__))


def load(name: str) -> bytes:
    """The bytes of one file.

    Raises:
        OnbookError: this installation does not have it.
    """
    try:
        # Not open(): this module's own loader also reads from an installation inside a zip file.
        return bytes(globals()["__loader__"].get_data(os.path.join(_FOLDER, name)))
    except OSError:
        raise OnbookError(
            f"this installation of onbook has no {name}, which counting tokens needs",
            place=_FOLDER,
            hint="its data files are incomplete: install it again with `pip install --force-reinstall onbook`",
        ) from None
