"""How a prompt is called: code that a reader copies, with this prompt's own names."""

from __future__ import annotations

import json
import keyword
import shlex
from dataclasses import dataclass

from onbook.contract import members
from onbook.prompt import Prompt
from onbook.versions import Version

NOWHERE = "URL-OF-THE-REPOSITORY"
"""What stands for the address where git knows none."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One way of calling a prompt: a title, the language, and the text to copy."""

    title: str
    language: str
    text: str


def usages(
    id: str, prompt: Prompt, version: Version | None, environment: str, *, url: str, tag_prefix: str
) -> tuple[Usage, ...]:
    """How to call a prompt; before its first release only from a checkout.

    Args:
        version: the release that a range would choose; environment: one that runs it, or empty.
        url: where the repository is fetched from, or empty; tag_prefix: of its tags.
    """
    inputs = [str(name) for name in members((prompt.inputs or {}).get("required"))]
    told = _keywords(inputs)
    if version is None:
        text = f'import onbook\n\nbook = onbook.open(".", at="worktree")\nprompt = book.get({_text(id)})\n'
        here = Usage("Python, in a checkout", "python", f"{text}messages = prompt.render({told})")
        return here, Usage("Command line, in a checkout", "console", _render(id, inputs))
    asked = _range(version)
    where = _text(url or NOWHERE)
    opened = f"onbook.open({where}" + (f", tag_prefix={_text(tag_prefix)})" if tag_prefix else ")")
    call = f"prompt = book.get({_text(id)}, {_text(asked)})"
    if environment:
        call = f"prompt = book.get({_text(id)}, env={_text(environment)}, key=user)"
    python = f"import onbook\n\nbook = {opened}\n{call}\nmessages = prompt.render({told})"
    fetch = f"onbook fetch {shlex.quote(f'{id}@{asked}')} --from {shlex.quote(url or NOWHERE)}"
    fetch += f" --tag-prefix {shlex.quote(tag_prefix)}" if tag_prefix else ""
    return (
        Usage("Python", "python", python),
        Usage("Command line", "console", fetch),
        Usage("Command line, in a checkout", "console", _render(id, inputs)),
    )


def _render(id: str, inputs: list[str]) -> str:
    return " ".join(["onbook render", shlex.quote(id), *(f"--var {shlex.quote(f'{name}=...')}" for name in inputs)])


def _keywords(names: list[str]) -> str:
    """Arguments of a call: what is no name in Python goes through a mapping."""
    plain = [name for name in names if name.isascii() and name.isidentifier() and not keyword.iskeyword(name)]
    other = [name for name in names if name not in plain]
    told = [f"{name}={name}" for name in plain]
    if other:
        told.append("**{" + ", ".join(f"{_text(name)}: ..." for name in other) + "}")
    return ", ".join(told)


def _range(version: Version) -> str:
    return str(version) if version.pre else f"^{version.major}.{version.minor}"


def _text(text: str) -> str:
    # A JSON text of ASCII is one of Python's too.
    return json.dumps(text)
