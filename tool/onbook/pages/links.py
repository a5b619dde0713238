"""Links that a page may have: to the web, without credentials."""

from __future__ import annotations

from urllib.parse import urlsplit

from markupsafe import Markup, escape

_LONGEST = 2048


def safe_link(url: str, text: str | None = None) -> Markup:
    """A link where the address is plain http or https without credentials; anything else is only its text.

    A page opened by it learns nothing of this one: no opener and no referrer.
    """
    shown = url if text is None else text
    if not _safe(url):
        return escape(shown)
    return Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(url, shown)


def _safe(url: str) -> bool:
    # Browsers drop tabs and line ends within an address and blanks before it: what has any is none.
    if len(url) > _LONGEST or any(character <= " " or character == "\x7f" for character in url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False
