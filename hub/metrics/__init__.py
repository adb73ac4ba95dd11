"""What Prometheus is told of us. Every metric is declared in `declared.py`, from which `docs/metrics.md` is written."""
