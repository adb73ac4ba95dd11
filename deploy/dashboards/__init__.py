"""Dashboards for Grafana, described in Python and kept as the JSON that it imports."""
