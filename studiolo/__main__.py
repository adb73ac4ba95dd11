"""`python -m studiolo`: the command line, where its script is not on PATH."""

from studiolo.cli import main

main(prog_name="studiolo")
