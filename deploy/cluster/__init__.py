"""A real Kubernetes on one machine, for development and tests only: never for people's work."""
