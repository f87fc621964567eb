"""Run the command line as ``python -m bmetk``."""

from bmetk.cli import main

main()
