"""Stands before the real pip in kernels and terminals: `python -m pip` installs for the person who runs it."""
