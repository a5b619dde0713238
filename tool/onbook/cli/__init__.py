"""The command line: nothing but parsing, composing and printing. One file a command."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script ``onbook``."""
    # Asked by hooks and installers; it need not wait for anything else.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from onbook import __version__

        print(f"onbook {__version__}")
        return
    from onbook.cli.main import run

    sys.exit(run())
