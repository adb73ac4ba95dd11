"""Serves a model over HTTP, by the protocols of SageMaker, MLflow, Vertex AI, KServe and Open Inference."""
