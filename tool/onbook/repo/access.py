"""How one remote is reached: its address, a token, how long it may take, and which object format it speaks."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from onbook.errors import UsageError
from onbook.repo.git import Environment
from onbook.repo.remote import TIMEOUT, without_secret

# A token without a user: what GitHub's own actions send; GitLab and Gitea take any user with one.
_USER = "x-access-token"
_PLAIN = ("https://", "http://", "ssh://", "git://", "file://", "/")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(slots=True)
class Access:
    """One remote, and all that is needed to ask it.

    Attributes:
        url: as git takes it; shown: without secrets, as it is written down and shown.
        token: sent as the password of https; ``user:token`` names the user as well.
        timeout: seconds that one question may take, however many exchanges it needs.
        object_format: ``sha1`` or ``sha256``: what the remote turned out to speak.

    Raises:
        UsageError: the URL would run a program, or the token would go where everybody can read it.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT
    object_format: str = "sha1"

    def __post_init__(self) -> None:
        if self.token is not None:
            _require_safe_token(self.url, self.token)

    @property
    def shown(self) -> str:
        """The URL without secrets."""
        return without_secret(self.url)

    def environment(self) -> Environment:
        """What git is told of the token: by its environment, for a command line and a file are there for all to see."""
        if self.token is None:
            return {}
        # After what the caller's own environment configures.
        count = os.environ.get("GIT_CONFIG_COUNT", "")
        number = int(count) if count.isdigit() else 0
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return {
            "GIT_CONFIG_COUNT": str(number + 1),
            # For this server alone, wherever it may lead to.
            f"GIT_CONFIG_KEY_{number}": f"http.{parts.scheme}://{host}/.extraHeader",
            f"GIT_CONFIG_VALUE_{number}": f"Authorization: Basic {self._basic()}",
        }

    def hide(self, text: str) -> str:
        """A text without the token in it."""
        if self.token is None:
            return text
        for secret in (self._basic(), self.token, self.token.rpartition(":")[2]):
            text = text.replace(secret, "***") if secret else text
        return text

    def _basic(self) -> str:
        assert self.token is not None
        pair = self.token if ":" in self.token else f"{_USER}:{self.token}"
        return base64.b64encode(pair.encode()).decode()


class Deadline:
    """The end of the time that one question may take."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left; a little where there are none, so that git itself says that it is over."""
        return max(0.001, self._end - time.monotonic())


def require_safe(url: str) -> None:
    """Refuse a URL that would run a program; GitPython keeps that list up to date with git's advisories.

    Raises:
        UsageError: it would.
    """
    if url.startswith("-"):
        raise UsageError("a remote's URL does not begin with '-'", place=url)
    # Nothing of these can run one, and importing GitPython takes several times what asking a remote does.
    if url.startswith(_PLAIN) and "::" not in url:
        return
    from git import Git
    from git.exc import UnsafeProtocolError

    try:
        Git.check_unsafe_protocols(url)
    except UnsafeProtocolError:
        raise UsageError(
            "this URL would run a program", place=without_secret(url), hint="use https, ssh, git or file"
        ) from None


def _require_safe_token(url: str, token: str) -> None:
    shown = without_secret(url)
    if not _PRINTABLE.fullmatch(token):
        raise UsageError("this token is empty or holds white space or control characters", place=shown)
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise UsageError(
        "a token is sent over https only",
        place=shown,
        hint="use an https URL, or leave the token to ssh and git's helpers",
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
