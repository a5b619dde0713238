"""Where a repository is fetched from, as it may be published: without secrets, and not a path of this machine."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

from onbook.errors import UsageError
from onbook.repo import Repository
from onbook.repo.remote import default_remote, without_secret

_SCP = re.compile(r"(?P<user>[A-Za-z0-9._-]+@)?(?P<host>[A-Za-z0-9.-]+\.[A-Za-z0-9-]+):(?P<path>[^/\s:][^\s:]*)")
_LONGEST = 1_000
# Where a host shows a file of the default branch.
_FILES = {"github.com": "/blob/HEAD/", "gitlab.com": "/-/blob/HEAD/"}


def address(repo: Repository) -> str:
    """The URL that others fetch this repository from; empty where git knows none that others could use."""
    try:
        remote = default_remote(repo)
    except UsageError:
        return ""
    return public(repo.text("remote", "get-url", "--", remote, accept=(0, 2, 128)))


def public(url: str) -> str:
    """A URL without user, password, query and fragment (ssh keeps the user: it is part of the address), or nothing."""
    if _SCP.fullmatch(url) and len(url) <= _LONGEST:
        return url
    parts = _split(url)
    if parts is None or not parts.hostname:
        return ""
    if parts.scheme == "ssh":
        user, at, host = parts.netloc.rpartition("@")
        return f"ssh://{user.partition(':')[0]}{at}{host}{parts.path}"
    if parts.scheme in ("https", "http", "git"):
        return without_secret(f"{parts.scheme}://{parts.netloc}{parts.path}")
    return ""


def _split(url: str) -> SplitResult | None:
    if len(url) > _LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 it raises for what is no port
    except ValueError:
        return None
    return parts


def file_link(url: str, path: str) -> str:
    """Where a file of the repository is shown on the web; empty where nobody can tell."""
    scp = _SCP.fullmatch(url)
    parts = None if scp else _split(url)
    host, place = (scp["host"], scp["path"]) if scp else (parts.hostname or "", parts.path) if parts else ("", "")
    if host not in _FILES:
        return ""
    return f"https://{host}/{place.strip('/').removesuffix('.git')}{_FILES[host]}{quote(path)}"


def name_of(url: str, repo: Repository) -> str:
    """What to call the repository: the last two parts of its URL, or the name of its folder."""
    path = url.rpartition(":")[2] if _SCP.fullmatch(url) else urlsplit(url).path
    parts = [part for part in path.removesuffix(".git").split("/") if part]
    return "/".join(parts[-2:]) or repo.root.name
