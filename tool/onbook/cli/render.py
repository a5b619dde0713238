"""``onbook render``."""

from __future__ import annotations

import click

from onbook.call import Caller
from onbook.cli.common import inputs, note, print_report, repository, snapshot
from onbook.cli.options import format_option, inputs_options, place_options
from onbook.project import Catalog
from onbook.report import Report


@click.command()
@click.argument("id")
@inputs_options
@click.option("--tokens", "counted", is_flag=True, help="Count their tokens, and what reading them costs.")
@place_options
@format_option
def command(
    id: str,
    variables: tuple[str, ...],
    vars_file: str | None,
    counted: bool,
    staged: bool,
    at: str | None,
    format: str,
) -> int:
    """Print the messages that a prompt renders; no model is asked."""
    catalog = Catalog(snapshot(repository(), staged=staged, at=at))
    source = catalog.find(id)
    prompt = source.usable()
    messages = Caller(prompt).render(inputs(prompt, variables, vars_file))
    data: dict[str, object] = {"id": id, "digest": source.digest, "messages": messages}
    if counted:
        from onbook import tokens

        count = tokens.count_messages(messages, prompt.model)
        cost = tokens.cost(prompt.model, count.tokens)
        data["tokens"] = {"count": count.tokens, "exact": count.exact, "method": count.method, "cost": cost}
        about = "" if count.exact else "about "
        price = "price unknown" if cost is None else f"${cost:.6f} to read"
        note(f"{about}{count.tokens:,} tokens, {price}  ({prompt.model or 'no model'}: {count.method})")
    print_report(Report("render", head=catalog.snapshot.name, data=data), format)
    return 0
