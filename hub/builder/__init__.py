"""Model packages: who may make them of what, where their images are kept, and what is remembered of each."""
