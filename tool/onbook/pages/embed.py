"""Data in a page: JSON inside a script element that no browser runs."""

from __future__ import annotations

import json

from markupsafe import Markup

_ESCAPED = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


def embedded(data: object, id: str) -> Markup:
    """``<script type="application/json" id=...>`` with the data; ``JSON.parse`` of its text gives them back.

    No character of the data can end the element or begin a comment: all of ``<``, ``>`` and ``&`` are written as JSON
    escapes, as are the two line ends that JavaScript once did not allow in text, and halves of characters.
    """
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPED)
    # Halves of characters have no UTF-8; JSON has an escape for them.
    text = text.encode("utf-8", "backslashreplace").decode()
    return Markup('<script type="application/json" id="{}">{}</script>').format(id, Markup(text))  # noqa: S704 (escaped above)
