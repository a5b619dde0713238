"""What a page says of where the repository is."""

from __future__ import annotations

from pathlib import Path

import pytest

from onbook.repo import Repository
from onbook.repo.remote import without_secret
from onbook.site.address import address, file_link, name_of, public
from support.git import Repo

PUBLIC = [
    ("https://github.com/us/prompts.git", "https://github.com/us/prompts.git"),
    ("https://user:secret@github.com/us/prompts", "https://github.com/us/prompts"),
    ("https://ghp_secret@github.com/us/prompts", "https://github.com/us/prompts"),
    ("https://example.com:8443/us/prompts?private_token=secret#x", "https://example.com:8443/us/prompts"),
    ("ssh://git@example.com:22/us/prompts.git", "ssh://git@example.com:22/us/prompts.git"),
    ("ssh://git:secret@example.com/us/prompts.git", "ssh://git@example.com/us/prompts.git"),
    ("git@github.com:us/prompts.git", "git@github.com:us/prompts.git"),
    ("git://example.com/prompts.git", "git://example.com/prompts.git"),
    ("/home/ada/prompts", ""),
    ("file:///home/ada/prompts", ""),
    ("../prompts", ""),
    ("C:\\prompts", ""),
    ("ext::sh -c evil", ""),
    ("javascript:alert(1)", ""),
    ("https://", ""),
    ("https://[::1", ""),
    ("https://example.com:port/x", ""),
    ("https://exa mple.com/x", ""),
    ("https://example.com/\nx", ""),
    ("https://example.com/" + "x" * 2000, ""),
    ("", ""),
]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ada:p@ss@example.com/x@y", "https://example.com/x@y"),
        ("ssh://git:secret@example.com/x", "ssh://git@example.com/x"),
        ("ssh://git@example.com:22/x", "ssh://git@example.com:22/x"),
        ("git+ssh://ada:secret@example.com/x", "git+ssh://ada@example.com/x"),
        ("git@example.com:x", "git@example.com:x"),
        ("/srv/a@b", "/srv/a@b"),
    ],
)
def test_what_errors_and_lock_files_say_holds_no_secret(url: str, shown: str) -> None:
    assert without_secret(url) == shown


@pytest.mark.parametrize(("url", "shown"), PUBLIC)
def test_no_secret_and_no_path_of_this_machine(url: str, shown: str) -> None:
    assert public(url) == shown


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://github.com/us/p.git", "https://github.com/us/p/blob/HEAD/prompts/a%22b.yml"),
        ("git@github.com:us/p.git", "https://github.com/us/p/blob/HEAD/prompts/a%22b.yml"),
        ("https://gitlab.com/us/team/p", "https://gitlab.com/us/team/p/-/blob/HEAD/prompts/a%22b.yml"),
        ("https://git.example.com/us/p", ""),
        ("", ""),
    ],
)
def test_a_file_on_the_web(url: str, link: str) -> None:
    assert file_link(url, 'prompts/a"b.yml') == link


def test_the_address_is_that_of_the_remote(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "somewhere")
    repo.path.mkdir()
    repo.git("init", "--quiet")
    here = Repository.discover(repo.path)
    assert (address(here), name_of("", here)) == ("", "somewhere")
    repo.git("remote", "add", "origin", "https://ada:secret@example.com/team/prompts.git")
    found = address(Repository.discover(repo.path))
    assert found == "https://example.com/team/prompts.git"
    assert name_of(found, here) == "team/prompts"
    assert name_of("git@github.com:us/p.git", here) == "us/p"
