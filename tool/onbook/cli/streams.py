"""Printing to whoever may have gone, as ``| head`` does: what nobody reads any more changes no verdict."""

from __future__ import annotations

import os
import sys

import click


def say(text: str, *, err: bool = False, nl: bool = True, color: bool | None = None) -> None:
    """Print, as :func:`click.echo`; where nobody reads any more, nothing more is written to that stream."""
    try:
        click.echo(text, err=err, nl=nl, color=color)
    except BrokenPipeError:
        silence(err=err)
    except OSError:
        if not err:
            raise
        silence(err=True)  # where nothing takes an error either, the exit code says it


def settle() -> None:
    """Let go what standard output does not take: the interpreter would try again, and exit with a code of its own."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        silence(err=False)


def silence(*, err: bool) -> None:
    """Let what is still written to a stream go nowhere, also what the interpreter writes when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, (sys.stderr if err else sys.stdout).fileno())
    os.close(nowhere)
