"""`python -m deploy.images`."""

from deploy.images.commands import main

main(prog_name="python -m deploy.images")
