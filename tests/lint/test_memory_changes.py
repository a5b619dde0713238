"""Whatever changes in a repository, lint with its memory finds what it finds without."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.git import Repo
from support.remembered import prompts, report, spoil


def _partial(repo: Repo) -> None:
    repo.write("prompts/_shared/part03.md", "Be {{ brief }}.\n")


def _schema(repo: Repo) -> None:
    for path in repo.path.glob("schemas/*"):
        path.write_text('{"type": "objekt"}')


def _cases(repo: Repo) -> None:
    path = str(prompts(repo)[7]).removesuffix(".prompt.yml")
    Path(f"{path}.cases.jsonl").write_text('{"id": "x", "inputs": 1}\n')


def _misnamed(repo: Repo) -> None:
    Path(str(prompts(repo)[7]).replace(".prompt.yml", ".suite.yaml")).write_text("{}")


def _twin(repo: Repo) -> None:
    Path(str(prompts(repo)[7]).replace(".prompt.yml", ".prompt.yaml")).write_text("messages: []\n")


def _gone(repo: Repo) -> None:
    prompts(repo)[0].unlink()
    (repo.path / "prompts/_shared/part05.md").unlink(missing_ok=True)


def _link(repo: Repo) -> None:
    path = prompts(repo)[2]
    path.rename(path.with_suffix(".moved"))
    path.symlink_to(path.with_suffix(".moved"))


def _new(repo: Repo) -> None:
    repo.write("prompts/new/one.prompt.yml", "messages: [\n")


def _same_size(repo: Repo) -> None:
    path = prompts(repo)[9]
    path.write_text(path.read_text().replace("{{", "{[", 1))


def _staged(repo: Repo) -> None:
    spoil(repo)
    repo.git("add", "--all")


def _nothing(repo: Repo) -> None:
    for path in prompts(repo):
        path.touch()


CHANGES = [_partial, _schema, spoil, _cases, _misnamed, _twin, _gone, _link, _new, _same_size, _staged, _nothing]


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_seen(repo: Repo, change: Callable[[Repo], None]) -> None:
    for again in (False, True):
        assert report(repo) == report(repo, keep=False), again
        change(repo)
    assert report(repo) == report(repo, keep=False)
    repo.git("checkout", "--force", "--quiet", "HEAD")
    repo.git("clean", "-fdq")
    assert report(repo) == report(repo, keep=False)
