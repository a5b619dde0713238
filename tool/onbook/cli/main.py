"""The group of commands, and what becomes of errors: one place, one form, documented exit codes."""

from __future__ import annotations

from importlib import import_module

import click

from onbook.cli.streams import say, settle, silence
from onbook.errors import OnbookError, refused

_REMOTE = "https://example.com/team/prompts.git"

# Commands in the order of the work, each with what it does and an example of its arguments. A module is imported only
# when its command is asked for.
COMMANDS = {
    "init": ("Set up this repository for prompts.", "--hooks"),
    "new": ("Write a new prompt.", "support/triage --model openai/gpt-5.4-mini-2026-03-17"),
    "list": ("List the prompts and their latest releases.", ""),
    "lint": ("Find faults in prompts.", "support/triage --ignore ON5"),
    "render": ("Print the messages that a prompt renders.", "support/triage --var ticket=@ticket.txt --tokens"),
    "run": ("Ask the model once and print its answer.", "support/triage --var ticket='I was charged twice'"),
    "diff": ("Tell what changes mean, and which version they need.", "main..HEAD --fail-on major"),
    "test": ("Run the cases of prompts, by replay or recording.", "support/triage --record --max-cost 0.50"),
    "label": ("Say which recorded answers are good, to measure judges.", "support/triage --case refund-1 --as good"),
    "check": ("Lint, diff and test a change: the gate.", "--base main --write html=check.html"),
    "comment": ("Write a check's result on the pull request.", ""),
    "report": ("Write a page of a check, a test or a comparison.", "check.json --html check.html"),
    "merge": ("Put the reports of shards together.", "part-1.json part-2.json --format json"),
    "compare": ("Compare two versions, models or parameter sets.", "support/triage 1.4.0 temperature=0.7 --live"),
    "release": ("Tag what changed since its last release.", "--dry-run"),
    "yank": ("Withdraw a release, with a reason.", "support/triage 1.4.0 --reason 'takes refunds for bugs' --push"),
    "log": ("List the releases of a prompt.", "support/triage"),
    "fetch": ("Fetch a released prompt by its tag, verified.", f"support/triage@^1.4 --from {_REMOTE}"),
    "bundle": (
        "Write releases into one file for applications without git.",
        f"--env production --from {_REMOTE} --out prompts.json",
    ),
    "deploy": ("Say which release an environment runs.", "production support/triage 1.4.0 --canary 10"),
    "promote": ("Give the canary to every caller.", "production support/triage --commit"),
    "rollback": ("Go back to what an environment ran before.", "production support/triage --to 1.3.0"),
    "status": ("Tell what runs where, since when, by whom.", "production"),
    "site": ("Write a catalogue of the prompts as static pages.", "--out public"),
    "explain": ("Explain a rule or an assertion.", "ON203"),
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = import_module(f"onbook.cli.{name}").command
        assert isinstance(command, click.Command)
        # After \b a paragraph keeps its lines, so that an example can be copied.
        command.epilog = f"\b\nExample: onbook {name} {COMMANDS[name][1]}".rstrip()
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from onbook.nearest import nearest

            # Letters that changed places are likelier than others that look as much alike.
            swapped = [each for each in COMMANDS if sorted(each) == sorted(name)]
            near = swapped[0] if swapped else nearest(name, COMMANDS)
            ctx.fail(f"there is no command {name!r}" + (f"; did you mean {near!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Of what tells no verdict whoever read has gone; click would exit with 1, which means findings here.
            silence(err=False)
            silence(err=True)
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # From the table, so that --help imports no command.
        with formatter.section("Commands"):
            formatter.write_dl([(name, meaning) for name, (meaning, _) in COMMANDS.items()])


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
        say("interrupted", err=True)
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except OnbookError as error:
        _show(error)
        return error.exit_code
    except OSError as error:
        # A full disk, a folder that is somebody else's, a file where a folder belongs: no defect of ours.
        settle()
        _show(refused(error))
        return 3
    return code if isinstance(code, int) else 0


def _show(error: OnbookError) -> None:
    # What a remote or a file said may stand in it.
    from onbook.reporters.terminal import printable

    place = f"{error.place}: " if error.place else ""
    say(f"{click.style('error', fg='red')}: {printable(place + error.message)}", err=True)
    if error.hint:
        say(f"  {printable(error.hint)}", err=True)
