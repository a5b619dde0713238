"""The content security policy of a page: what it may run and load is what we wrote, and nothing else.

Source: https://www.w3.org/TR/CSP3/ (hash sources, section 2.3.1). It stands in a meta element, since pages are
opened as files as well.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

_NOTHING = "'none'"


def policy(*, styles: Iterable[str] = (), scripts: Iterable[str] = (), own_files: bool = False) -> str:
    """The policy that runs exactly these inlined texts.

    Args:
        styles, scripts: the text between the tags, character by character.
        own_files: styles and scripts that stand beside the page may be used too (for a site of several files).
    """
    beside = ["'self'"] if own_files else []
    rules = {
        "default-src": [_NOTHING],
        "style-src": [*beside, *map(_hash, styles)],
        "script-src": [*beside, *map(_hash, scripts)],
        "img-src": ["data:"],
        "form-action": [_NOTHING],
        "base-uri": [_NOTHING],
    }
    return "; ".join(f"{name} {' '.join(sources) or _NOTHING}" for name, sources in rules.items())


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
