"""``python -m onbook.cli``: for where the console script is not on PATH."""

from onbook.cli import main

main()
