"""What several of these files read, and none changes."""

from __future__ import annotations

import pytest

from support import ask
from support.openai_server import OpenAIServer
from support.running import Desk, recorded_desk


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two prompts that share a partial, 24 cases recorded, one that fails; committed. Copy it before changing it."""
    ask.need_local_model()
    with OpenAIServer(echo=True) as server:
        return recorded_desk(tmp_path_factory.mktemp("recorded") / "r", server.url)
