"""One browser for all tests of pages; it ends before others begin, since it keeps an event loop in their thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.browser import running


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    with running() as found:
        yield found
