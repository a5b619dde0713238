"""``onbook run``."""

from __future__ import annotations

import click

from onbook.call import Caller
from onbook.cli.common import inputs, print_report, repository, snapshot
from onbook.cli.options import format_option, inputs_options, place_options
from onbook.errors import UsageError
from onbook.project import Catalog
from onbook.report import Report
from onbook.testing.models import ask
from onbook.testing.unit import request_for


@click.command()
@click.argument("id")
@inputs_options
@click.option("--model", metavar="MODEL", help="Ask this model instead of the prompt's own.")
@place_options
@format_option
def command(
    id: str,
    variables: tuple[str, ...],
    vars_file: str | None,
    model: str | None,
    staged: bool,
    at: str | None,
    format: str,
) -> int:
    """Ask the model once and print its answer, with tokens, cost and latency. Nothing is recorded."""
    catalog = Catalog(snapshot(repository(), staged=staged, at=at))
    source = catalog.find(id)
    prompt = source.usable()
    chosen = model or prompt.model
    if not chosen:
        raise UsageError(f"{id} names no model", place=source.path, hint="add the key 'model', or pass --model")
    messages = Caller(prompt).render(inputs(prompt, variables, vars_file))
    answer = ask(request_for(prompt, messages, model=chosen))
    data = {
        "id": id,
        "digest": source.digest,
        "model": chosen,
        "text": answer.text,
        "tool_calls": list(answer.tool_calls),
        "finish": answer.finish,
        "usage": dict(answer.usage),
        "latency_ms": answer.latency_ms,
        "cost": answer.cost,
        "engine": answer.engine,
    }
    print_report(Report("run", head=catalog.snapshot.name, data=data), format)
    return 0
