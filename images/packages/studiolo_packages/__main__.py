"""Prints for a shell what the variables of a terminal are: `eval "$(python -I -m studiolo_packages)"`."""

import os
import shlex
import sys

from studiolo_packages import with_packages

if __name__ == "__main__":
    for name, value in with_packages(os.environ).items():
        sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
