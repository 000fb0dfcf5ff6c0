"""`python -m waypost.cli`: the command without its console script."""

from waypost.cli import main

main()
