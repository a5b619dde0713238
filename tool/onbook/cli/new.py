"""``onbook new``."""

from __future__ import annotations

import json
import sys

import click

from onbook.cli.common import note, repository
from onbook.cli.editors import SCHEMA, schema_comment, write_schema
from onbook.errors import UsageError
from onbook.files import write_atomic
from onbook.project import Catalog
from onbook.project.cases import CASE_SUFFIXES
from onbook.prompt import SUFFIXES, is_id, near_id
from onbook.repo.worktree import WorkTree
from onbook.testing import local

_PROMPT = """\
name: {name}
description: Say in one sentence what this prompt is for.
model: {model}
modelParameters:
  temperature: 0
  seed: 7
  maxCompletionTokens: 200
templateFormat: jinja2
inputs:
  type: object
  required: [text]
  properties:
    text:
      type: string
      description: The text to work on.
      x-untrusted: true
messages:
  - role: system
    content: |
      You answer in one short sentence.
  - role: user
    content: |
      Summarise the text between the tags.
      <text>
      {{{{ text }}}}
      </text>
metadata:
  status: active
"""
_CASE = {
    "id": "first",
    "inputs": {"text": "The parcel arrived two days late, but the shop refunded the delivery and apologised."},
    "assert": [{"regex": "(?i)parcel|refund|late|deliver"}],
}


@click.command()
@click.argument("id")
@click.option(
    "--model",
    metavar="MODEL",
    help="The model, as litellm names it: openai/gpt-5.4-mini-2026-03-17, local/smollm2-135m.",
)
def command(id: str, model: str | None) -> int:
    """Write a new prompt, with a first case beside it."""
    repo = repository(writes=True)
    catalog = Catalog(WorkTree(repo))
    if not is_id(id):
        near = near_id(id.removeprefix(f"{catalog.config.prompts}/")) or "support/triage"
        raise UsageError(
            f"{id!r} is no legal prompt id",
            hint=f"parts of a-z, 0-9, _ and -, joined by /, none beginning v<digit>, as in {near}",
        )
    folder = repo.root / catalog.config.prompts
    path = folder / f"{id}{SUFFIXES[0]}"
    cases = folder / f"{id}{CASE_SUFFIXES[0]}"
    for existing in (*(folder / f"{id}{suffix}" for suffix in SUFFIXES), cases):
        if existing.exists():
            raise UsageError("this file exists already", place=str(existing.relative_to(repo.root)))
    text = _PROMPT.format(name=id.rpartition("/")[2].replace("-", " ").replace("_", " "), model=model or _model())
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = write_schema(folder)
    write_atomic(path, (schema_comment(id) + text).encode())
    write_atomic(cases, (json.dumps(_CASE, ensure_ascii=False) + "\n").encode())
    note(f"wrote   {path.relative_to(repo.root)}")
    note(f"wrote   {cases.relative_to(repo.root)}")
    if schema:
        note(f"wrote   {(folder / SCHEMA).relative_to(repo.root)}, for editors")
    note(f"next: edit it, then `onbook lint`, and `onbook test {id} --record`")
    return 0


def _model() -> str:
    if local.available():
        return f"{local.PREFIX}{local.NAME}"
    if sys.stdin is not None and sys.stdin.isatty():
        asked: str = click.prompt(
            "Which model (as litellm names it, for example openai/gpt-5.4-mini-2026-03-17)", err=True
        )
        return asked
    raise UsageError(
        "which model should answer?",
        hint="pass --model openai/gpt-5.4-mini-2026-03-17 (or any that litellm knows); "
        "`onbook new ID --model local/smollm2-135m` runs without a key once it is installed",
    )
