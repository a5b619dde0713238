"""What every ``--help`` says: an example that means something, and a word for every option."""

from __future__ import annotations

import shlex
from importlib import import_module

import click
import pytest

from onbook.cli.main import COMMANDS, group


def command_of(name: str) -> click.Command:
    found = import_module(f"onbook.cli.{name}").command
    assert isinstance(found, click.Command)
    return found


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_is_a_command(name: str) -> None:
    meaning, example = COMMANDS[name]
    assert meaning.endswith(".")
    # Parsed as the command would parse it, and not run.
    found = command_of(name)
    context = found.make_context(name, shlex.split(example))
    assert set(context.params) == {each.name for each in found.params}
    for given in shlex.split(example):
        if given.startswith("--"):
            assert given in {flag for option in found.params for flag in option.opts}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    for option in command_of(name).params:
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert option.help.endswith("."), option.help


def test_help_shows_the_example_on_a_line_of_its_own() -> None:
    context = click.Context(group, info_name="onbook")
    found = group.get_command(context, "fetch")
    assert found is not None
    told = found.get_help(click.Context(found, info_name="fetch", parent=context))
    assert told.splitlines()[-1] == (
        "  Example: onbook fetch support/triage@^1.4 --from https://example.com/team/prompts.git"
    )


def test_the_list_of_commands_is_the_table() -> None:
    told = group.get_help(click.Context(group, info_name="onbook"))
    for name, (meaning, _) in COMMANDS.items():
        assert f"  {name:<10}{meaning}" in told
