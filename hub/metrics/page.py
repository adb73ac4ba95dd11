"""The page `docs/metrics.md`, written from the metrics themselves; a test says when it is stale."""

from __future__ import annotations

from hub.metrics.declared import METRICS

HEAD = """\
# Metrics

Hub, services and proxy tell Prometheus how they are. This page is written from `hub/metrics/declared.py`: edit there,
then run `pytest tests/hub/metrics/test_page.py --update-data`.

## Where they are read

| Process | Address | Who may |
| --- | --- | --- |
| hub | `/hub/metrics` | tokens with the scope `read:metrics` (an administrator's, or a role's of its own) |
| services | `/services/studiolo/metrics` | the same tokens |
| hub | `/metrics` on the port `metrics.hubPort` | whoever reaches the port |
| services | `/metrics` on the port `metrics.servicesPort` | the same |
| proxy | `/metrics` on the port `metrics.proxyPort` | the same |

The ports are closed unless they are set. They are for a Prometheus inside the cluster, where a network policy decides
who reaches them; why it is so: [decisions/metrics-ports.md](decisions/metrics-ports.md). The proxy has no other
way, for its own API would give whoever reads metrics the right to change routes.

`jupyterhub_…`, `process_…` and `python_…` at the hub are JupyterHub's own, which its documents list. The proxy's are
`requests_proxy`, `requests_web`, `requests_ws`, `requests_api`, `api_route_add` and Node.js' own.
A dashboard for Grafana that shows the ones that matter lies in `deploy/dashboards/studiolo.json`, and rules that
alert where somebody has to look in `deploy/dashboards/alerts.json` (Prometheus reads JSON as YAML).
Both expect to be scraped at least once a minute. They count the first event of a counter that has just appeared, which
`increase` and `rate` alone do not, and show nothing where nothing happened; `deploy/dashboards/expressions.py` has
how. Each rule and each query is evaluated by Prometheus' own `promtool` on samples whose answer is known
([tests](tests.md)).

## Ours

Labels are short lists: a name that is in no catalog, a verdict or a route that we do not know, is counted as `other`.

| Metric | Kind | Labels | Process | Means |
| --- | --- | --- | --- | --- |
"""


def render_metrics_page() -> str:
    """The page as Markdown."""
    rows = (
        f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels) or 'none'}"
        f" | {metric.process} | {metric.text}. |\n"
        for metric in METRICS
    )
    return HEAD + "".join(rows)
