"""One browser for all tests of pages; it ends before others begin, since it keeps an event loop in their thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.browser import Visit, running
from support.console import Person
from support.paged import repository


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with running() as found:
        yield found


@pytest.fixture(scope="package")
def author(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody in a repository of which a page has all to show. Tests leave it as they found it."""
    return repository(tmp_path_factory.mktemp("paged") / "repository")


@pytest.fixture
def visit(browser: Any, paged: Path) -> Iterator[Visit]:
    """The page that a module calls ``paged``, opened; what it does that it must not is heard at the end."""
    with Visit(browser, paged) as found:
        yield found
        found.silent()
