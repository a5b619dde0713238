"""The command line: nothing but parsing, composing and printing. One file a command."""

from __future__ import annotations

import gc
import sys

_ALLOCATIONS = 200_000  # between two looks at the young objects; Python's own is 700


def main() -> None:
    """The console script ``onbook``."""
    # Asked by hooks and installers; it need not wait for anything else.
    if sys.argv[1:] in (["--version"], ["-V"]):
        from onbook import __version__

        try:
            print(f"onbook {__version__}", flush=True)
        except OSError:
            pass  # what becomes of it is said below, as of every command
        else:
            return
    # What a command reads of a repository it holds until it ends: looking through it again and again frees nothing.
    gc.set_threshold(_ALLOCATIONS, 20, 20)
    try:
        from onbook.cli.main import run
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    code = run()
    gc.freeze()  # nor does the last look, as Python ends
    sys.exit(code)
