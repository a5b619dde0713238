"""``onbook label``."""

from __future__ import annotations

from pathlib import Path

import click

from onbook.cli.common import STANDARD, note, print_report, read_input, repository, snapshot
from onbook.contract import dump
from onbook.errors import UsageError
from onbook.project import Catalog, Source
from onbook.reporters.terminal import printable
from onbook.testing.labels import add, merge, report_of, unlabelled
from onbook.testing.recording import Recording
from onbook.testing.selection import Selection

_KEYS = {"g": True, "b": False}


@click.command()
@click.argument("id")
@click.option("--case", "cases", metavar="ID", multiple=True, help="Only the answers to this case, or to these.")
@click.option("--as", "label", type=click.Choice(["good", "bad"]), help="With --case: say it without being asked.")
@click.option("--by", metavar="NAME", help="Who says so; default: git's user.name.")
@click.option("--note", "why", metavar="TEXT", help="With --as: why.")
@click.option("--from", "file", metavar="FILE", help="Add the labels that a page of `onbook report` saved.")
@click.option(
    "--format",
    "format",
    type=click.Choice(["json"]),
    help="Ask nothing, and print the labels that there are and the answers that you have not labelled.",
)
def command(
    id: str,
    cases: tuple[str, ...],
    label: str | None,
    by: str | None,
    why: str | None,
    file: str | None,
    format: str | None,
) -> int:
    """Say which recorded answers of a prompt are good and which are bad.

    Shows each answer that you have not labelled and asks: g (good), b (bad), s (skip), q (quit). What judges say is
    not shown. Labels stand in the prompt's .labels.jsonl; `onbook test` measures judges by them.
    """
    if label is not None and not cases:
        raise UsageError("--as labels what --case names", hint="without --as you are shown the answers one by one")
    if label is not None and format:
        raise UsageError("--format prints what is labelled and what is not, so --as makes no sense with it")
    if file is not None and (cases or label or why or format):
        raise UsageError("--from takes what the file says, so --case, --as, --note and --format make no sense with it")
    repo = repository(writes=not format)
    source = Catalog(snapshot(repo)).find(id)
    selection = Selection(cases or None)
    selection.sources([source])
    person = by or repo.config("user.name")
    if file is not None:
        return _merge(source, repo.root, file, person)
    waiting = list(unlabelled(source, person, selection))
    if format:
        print_report(report_of(source, person, selection, waiting), format)
        return 0
    if not waiting:
        _nothing(source, selection, asked=label is not None)
        return 0
    count = 0
    for number, (case, recording) in enumerate(waiting, 1):
        if label is None:
            _show(recording, f"{number} of {len(waiting)}: case {case.id!r} on {recording.model}", case.expected)
            said = click.prompt("good, bad, skip, quit", type=click.Choice([*_KEYS, "s", "q"]), err=True)
            if said == "q":
                break
            if said == "s":
                continue
            good = _KEYS[said]
        else:
            good = label == "good"
        path = add(source, repo.root, recording, good=good, by=person, note=why)
        count += 1
    if count:
        note(f"{count} labelled in {path.relative_to(repo.root)}")
    return 0


def _nothing(source: Source, selection: Selection, *, asked: bool) -> None:
    """Tell that no answer waits; where cases are named, that is fine only if their answers are labelled already."""
    nobody = "\n"  # a name that no label has, so that every answer counts
    if asked and next(unlabelled(source, nobody, selection), None) is None:
        cases = ", ".join(map(repr, selection.cases or ()))
        hint = f"`onbook test {source.id} --record` records it"
        raise UsageError(f"no answer of {source.id} to {cases} is recorded as it is asked today", hint=hint)
    note("there is no recorded answer that you have not labelled")


def _merge(source: Source, root: Path, file: str, person: str | None) -> int:
    raw = read_input(file, "this file of labels")
    merged = merge(source, root, raw, "standard input" if file == STANDARD else file, person)
    where = f" to {merged.path.relative_to(root)}" if merged.path else ""
    note(f"{merged.added} added{where}" + (f", {merged.known} known already" if merged.known else ""))
    if merged.strange:
        note(f"{merged.strange} left out: their answers are not recorded for {source.id}")
    return 0


def _show(recording: Recording, title: str, expected: object) -> None:
    messages = recording.request.get("messages")
    click.echo(click.style(f"\n{printable(title)}", bold=True))
    for message in messages[-1:] if isinstance(messages, list) else ():
        click.echo(printable(str(message.get("content"))))
    if expected is not None:
        click.echo(click.style("expected: ", dim=True) + printable(str(expected)))
    click.echo(click.style("answer:", dim=True))
    click.echo(printable(recording.response.text))
    for call in recording.response.tool_calls:
        click.echo(printable(dump(call)))
