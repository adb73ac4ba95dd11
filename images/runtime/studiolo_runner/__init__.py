"""Runs a packaged model: trains it, predicts in batch, serves it. Standard library only: it suits every image."""
