"""``python -m onbook``."""

from onbook.cli import main

main()
