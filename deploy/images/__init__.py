"""Builds the container images of `images/`, and checks any image for what makes workspaces slow or unsafe."""
