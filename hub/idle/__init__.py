"""Workspaces that nobody uses, or that grew too old, are stopped: with a notice before, and never without evidence."""
