"""`python -m services.cli`: what `verbatim` runs."""

from services.cli.main import main

main()
