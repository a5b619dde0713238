"""The group of commands, and what becomes of errors: one place, one form, documented exit codes."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import click

from onbook.errors import OnbookError, refused

# Commands in the order of the work; each module is imported only when its command is asked for.
COMMANDS = {
    "init": "Set up this repository for prompts.",
    "new": "Write a new prompt.",
    "list": "List the prompts and their latest releases.",
    "lint": "Find faults in prompts.",
    "render": "Print the messages that a prompt renders.",
    "run": "Ask the model once and print its answer.",
    "diff": "Tell what changes mean, and which version they need.",
    "test": "Run the cases of prompts, by replay or recording.",
    "label": "Say which recorded answers are good, to measure judges.",
    "check": "Lint, diff and test a change: the gate.",
    "comment": "Write a check's result on the pull request.",
    "report": "Write a page of a check, a test or a comparison.",
    "merge": "Put the reports of shards together.",
    "compare": "Compare two versions, models or parameter sets.",
    "release": "Tag what changed since its last release.",
    "yank": "Withdraw a release, with a reason.",
    "log": "List the releases of a prompt.",
    "fetch": "Fetch a released prompt by its tag, verified.",
    "bundle": "Write releases into one file for applications without git.",
    "deploy": "Say which release an environment runs.",
    "promote": "Give the canary to every caller.",
    "rollback": "Go back to what an environment ran before.",
    "status": "Tell what runs where, since when, by whom.",
    "site": "Write a catalogue of the prompts as static pages.",
    "explain": "Explain a rule.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = import_module(f"onbook.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from onbook.nearest import nearest

            near = nearest(name, COMMANDS)
            ctx.fail(f"there is no command {name!r}" + (f"; did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="onbook", message="onbook %(version)s")
def group() -> None:
    """Prompts as versioned files in git: lint, diff by meaning, test by replay, release and fetch by tag.

    Exit codes: 0 fine, 1 findings, 2 usage, 3 could not check, 130 interrupted.
    """


def run() -> int:
    """Run the command line and return the exit code."""
    try:
        code = group.main(standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except OnbookError as error:
        _show(error)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read has gone, as `| head` does; say nothing, also not at the interpreter's exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        # A full disk, a folder that is somebody else's, a file where a folder belongs: no defect of ours.
        _show(refused(error))
        return 3
    return code if isinstance(code, int) else 0


def _show(error: OnbookError) -> None:
    place = f"{error.place}: " if error.place else ""
    click.echo(f"{click.style('error', fg='red')}: {place}{error.message}", err=True)
    if error.hint:
        click.echo(f"  {error.hint}", err=True)
