"""Every test runs as a person with an empty home, a name, a fixed clock in git, and no way off this machine."""

from __future__ import annotations

import gc
import ipaddress
import itertools
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

_HOME = Path(tempfile.mkdtemp(prefix="onbook-tests-"))

# Before anything is collected, because some modules start processes while they are imported.
for _name in list(os.environ):
    if _name.startswith(("GIT_", "ONBOOK_")) and _name not in ("ONBOOK_REQUIRE_LOCAL_MODEL", "ONBOOK_REQUIRE_BROWSER"):
        del os.environ[_name]
os.environ.update(
    HOME=str(_HOME),
    XDG_CACHE_HOME=str(_HOME / "cache"),
    XDG_CONFIG_HOME=str(_HOME / "config"),
    ONBOOK_CACHE=str(_HOME / "cache" / "onbook"),
    GIT_CONFIG_GLOBAL=str(_HOME / "gitconfig"),
    GIT_CONFIG_NOSYSTEM="1",
    GIT_AUTHOR_NAME="Onbook Tests",
    GIT_AUTHOR_EMAIL="tests@example.com",
    GIT_AUTHOR_DATE="1700000000 +0000",
    GIT_COMMITTER_NAME="Onbook Tests",
    GIT_COMMITTER_EMAIL="tests@example.com",
    GIT_COMMITTER_DATE="1700000000 +0000",
    LANG="C.UTF-8",
)
os.environ.pop("LC_ALL", None)
os.environ.pop("COLUMNS", None)
# The processes that xdist starts share what forks commands with the one that started them.
os.environ.setdefault("TESTS_FORKS", str(_HOME))
# A thousand command lines are started here: they need not all compile what the first one has compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
(_HOME / "gitconfig").write_text(
    '[init]\n\tdefaultBranch = main\n\ttemplateDir =\n[gc]\n\tauto = 0\n[protocol "file"]\n\tallow = always\n'
)


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


# A job that a shell runs in the background ignores Ctrl-C, and with it all that is started and interrupted here.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# What collecting makes lives to the end of the session: the collector of garbage need not look at it over and over.
def pytest_configure() -> None:
    gc.disable()


def pytest_collection_finish() -> None:
    gc.enable()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """The tests of a file run in one process: what they read is made once. Those of pages share a browser as well."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            path = nodeid.partition("::")[0]
            return "pages" if path.startswith("tests/pages/") else path

    return ByFile(config, log) if config.getoption("dist").startswith("load") else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes minutes runs apart: `make slow`."""
    if "RUN_SLOW" in os.environ:
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: `make slow` runs it"))


_caches = itertools.count()


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    # Most tests need no folder: none is made before something is kept in it.
    monkeypatch.setenv("ONBOOK_CACHE", str(_HOME / "caches" / str(next(_caches))))


class LeftThisMachineError(AssertionError):
    """A test wanted to speak to another machine."""


def _guard(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.sendto"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    else:
        return
    if not isinstance(host, str) or host in ("", "localhost"):
        return
    try:
        local = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        raise LeftThisMachineError(f"{event}: {host}") from None
    if not (local.is_loopback or local.is_unspecified):
        raise LeftThisMachineError(f"{event}: {host}")


sys.addaudithook(_guard)
