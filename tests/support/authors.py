"""Someone with a repository of one prompt, a remote that has it, and others who cloned it."""

from __future__ import annotations

from pathlib import Path

from support.console import Person, person
from support.git import PROMPT, Repo, bare_remote, clone

ID = "support/triage"
PATH = "prompts/support/triage.prompt.yml"
CONFIG = "[gates]\nlint = false\n"


def author(folder: Path, path: str = PATH, config: str = CONFIG, *options: str) -> Person:
    """Someone with a repository of one prompt."""
    found = person(folder, repository=False)
    found.git("init", "--quiet", "--initial-branch=main", *options)
    found.write("onbook.toml", config)
    found.write(path, PROMPT)
    found.commit("Sort tickets")
    return found


def published(folder: Path) -> tuple[Person, Person]:
    """The same, with a remote, everything pushed, and 0.1.0 released."""
    found = author(folder / "author")
    remote = bare_remote(folder / "remote.git", of=Repo(found.cwd))
    found.git("push", "--quiet", "--set-upstream", "origin", "main")
    assert released(found, "--push") == ["support/triage/v0.1.0"]
    return found, Person(remote.path)


def released(who: Person, *args: str, exits: int = 0) -> list[str]:
    return [row["tag"] for row in who.report("release", *args, exits=exits)["data"]["tags"]]


def reword(who: Person, word: str, path: str = PATH) -> None:
    text = (who.cwd / path).read_text("utf-8")
    who.write(path, text.replace("You sort", f"You {word} sort"))
    who.commit(f"Sort {word}")


def cloned(remote: Person, folder: Path, *options: str) -> Person:
    return Person(clone(f"file://{remote.cwd}", folder, *options).path)
