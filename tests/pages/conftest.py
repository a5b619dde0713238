"""One browser for all tests of pages; it ends before others begin, since it keeps an event loop in their thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.browser import running
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
