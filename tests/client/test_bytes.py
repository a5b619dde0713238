"""What a cold get costs on the wire, beside a bare ``git fetch`` of the same objects."""

from __future__ import annotations

from pathlib import Path

import pytest

import onbook
from support.big_remote import big_remote, prompt_id
from support.wire import bare_fetch, one_environment, one_release, served

ID = prompt_id(0)
TAG = f"{ID}/v1.4.0"
ENVIRONMENT = "prompts/_environments/production.yml"


@pytest.mark.parametrize("way", ["git", "http"])
def test_a_cold_get_costs_hardly_more_than_git_does(tmp_path: Path, way: str) -> None:
    repo = big_remote(tmp_path / "served" / "big.git", 100, 500)
    blob = repo.git("rev-parse", f"{TAG}^{{commit}}:prompts/{ID}.prompt.yml")
    with served(tmp_path / "served", way) as (url, wire):
        bare_fetch(url, tmp_path / "one", one_release(TAG, blob))
        bare = wire.settled()
        bare_fetch(url, tmp_path / "environment", one_environment(repo, ENVIRONMENT, TAG, blob))
        bare_environment = wire.settled()
        assert onbook.open(url, cache=tmp_path / "c").get(ID, "1.4.0").version == "1.4.0"
        exact = wire.settled()
        assert onbook.open(url, cache=tmp_path / "c2").get(ID, env="production", key="7").version == "1.4.0"
        environment = wire.settled()
    assert 0 < exact <= min(8_000, 1.5 * bare)
    # Over http most of this is heads, of one handshake and one question an exchange: git's own, in either row.
    assert 0 < environment <= 1.1 * bare_environment


def test_what_stands_in_one_folder_comes_together(tmp_path: Path) -> None:
    repo = big_remote(tmp_path / "served" / "big.git", 10, 10)
    work = tmp_path / "work"
    repo.git("worktree", "add", "--quiet", str(work), "main")
    (work / "onbook.toml").write_text("[gates]\nlint = false\n")
    (work / "pyproject.toml").write_text("[project]\n")
    for args in (("add", "--all"), ("commit", "--quiet", "--message", "configuration")):
        repo.git("-C", str(work), *args)
    with served(tmp_path / "served", "git") as (url, wire):
        assert onbook.open(url).get(ID, env="production").version == "1.0.0"
        # The tip, two folders with the configuration beside them, the file, the tag, the prompt.
        assert wire.connections == 6
