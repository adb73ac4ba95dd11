"""Studiolo: catalogs, names, the HTTP client and the command line. Light: importing it imports nothing else."""

__all__ = ["__version__"]

__version__ = "0.1.0"
