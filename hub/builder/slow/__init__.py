"""The slow build: a base with Debian packages and source distributions, made once for each recipe by a Job."""
