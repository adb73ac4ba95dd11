"""From a notebook to an image: what a model is, what goes in, and how it is put together. Runs nothing of anybody's."""
