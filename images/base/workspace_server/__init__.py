"""What our start program adds to JupyterHub's server of one person: a short start, and patience with an absent hub."""
