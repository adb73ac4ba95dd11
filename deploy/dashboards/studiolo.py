"""The dashboard of a Studiolo: how people's starts go, what runs, and whether what we show is true."""

from __future__ import annotations

from typing import Final

from deploy.dashboards.expressions import events, mean, quantile
from deploy.dashboards.panels import Dashboard, Panel, Query, Row, Variable

CHOSEN: Final = 'environment=~"$environment", hardware=~"$hardware"'
"""What is chosen at the top of the page."""

READY: Final = f'verdict="ready", {CHOSEN}'
READY_IN_AN_HOUR: Final = events(f"studiolo_start_seconds_count{{{READY}}}", "1h")
FAILED_IN_AN_HOUR: Final = events(f'studiolo_start_seconds_count{{verdict!="ready", {CHOSEN}}}', "1h")

STARTS: Final = Row(
    title="Starts",
    panels=(
        Panel(
            title="In the last hour",
            text="Starts of workspaces that became ready, and that did not.",
            kind="stat",
            queries=(
                Query(expression=f"sum({READY_IN_AN_HOUR}) or vector(0)", name="ready"),
                Query(expression=f"sum({FAILED_IN_AN_HOUR}) or vector(0)", name="failed"),
            ),
        ),
        Panel(
            title="Until ready",
            text="From the click to a workspace that answers. Half of all starts are faster than the median.",
            unit="s",
            queries=tuple(
                Query(expression=quantile(share, f"studiolo_start_seconds_bucket{{{READY}}}"), name=name)
                for share, name in ((0.5, "median"), (0.95, "95 of 100"))
            ),
        ),
        Panel(
            title="Where the time goes",
            text="The mean of each phase of starts that became ready. Software grows where images are pulled or built,"
            " room where nodes are full.",
            unit="s",
            is_stacked=True,
            queries=(Query(expression=mean("studiolo_start_phase_seconds", READY, "phase"), name="{{phase}}"),),
        ),
        Panel(
            title="Why starts fail",
            text="Failed starts in an hour by their verdict; docs/verdicts.md says what each means.",
            is_stacked=True,
            queries=(Query(expression=f"sum by (verdict) ({FAILED_IN_AN_HOUR}) > 0", name="{{verdict}}"),),
        ),
    ),
)

WORKSPACES: Final = Row(
    title="Workspaces",
    panels=(
        Panel(
            title="By state",
            text="Many that fail, or that stop for long, are worth a look.",
            is_stacked=True,
            queries=(Query(expression="sum by (state) (studiolo_workspaces)", name="{{state}}"),),
        ),
        Panel(
            title="Stopped without being asked for",
            text="In an hour: nobody used them, or they were older than their hardware allows.",
            queries=(
                Query(
                    expression=f"sum by (reason) ({events('studiolo_idle_stops_total', '1h')})",
                    name="{{reason}}",
                ),
            ),
        ),
        Panel(
            title="Ends that went wrong",
            text="In an hour. Stops asked again: a pod that does not go. Orphans: workspaces that nobody could reach,"
            " as after a database was restored.",
            queries=(
                Query(expression=f"sum({events('studiolo_stop_retries_total', '1h')})", name="stops asked again"),
                Query(expression=f"sum({events('studiolo_orphans_ended_total', '1h')})", name="orphans ended"),
            ),
        ),
    ),
)

WARM: Final = Row(
    title="Warm workspaces",
    panels=(
        Panel(
            title="What became of claims",
            text="Starts in an hour that claimed a warm pod, and why others did not: no_pod is a pool that is too"
            " small; agent, credentials, foreign, late and pod are faults; the rest is what a person chose."
            " docs/claims.md says more.",
            is_stacked=True,
            queries=(
                Query(
                    expression=f"sum by (outcome) ({events('studiolo_claims_total', '1h')}) > 0",
                    name="{{outcome}}",
                ),
            ),
        ),
        Panel(
            title="How long claims take",
            text="Until the server of the pod answers. What a claim costs that comes to nothing should stay below"
            " 0.3 s, unless its pod has to be dead first.",
            unit="s",
            queries=(
                *(
                    Query(expression=quantile(share, 'studiolo_claim_seconds_bucket{outcome="claimed"}'), name=name)
                    for share, name in ((0.5, "median"), (0.99, "99 of 100"))
                ),
                Query(
                    expression=quantile(0.95, 'studiolo_claim_seconds_bucket{outcome!="claimed"}'),
                    name="came to nothing, 95 of 100",
                ),
            ),
        ),
        Panel(
            title="Pods that wait",
            text="Fewer ready than wanted for minutes: the nodes are full, or the pods do not park.",
            queries=(
                Query(
                    expression="max by (environment, hardware, state)"
                    f' (studiolo_warm_pods{{{CHOSEN}, state!="parking"}})',
                    name="{{environment}} {{hardware}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Pods made in an hour",
            text="Each costs two seconds of a processor. Many more than were claimed: something ends them before.",
            queries=(
                Query(
                    expression=f"sum by (environment, hardware) ({events('studiolo_warm_pods_made_total', '1h')})",
                    name="{{environment}} {{hardware}}",
                ),
            ),
        ),
    ),
)

TRUTH: Final = Row(
    title="Whether what pages show is true",
    panels=(
        Panel(
            title="Age of data",
            text="Since somebody last told. Of pods a minute is usual, five are an API server that is silent.",
            unit="s",
            queries=(
                Query(expression="max by (source) (studiolo_data_age_seconds)", name="{{source}}"),
                Query(expression="time() - max(studiolo_slots_looked_timestamp_seconds)", name="held room"),
                Query(expression="time() - max(studiolo_warm_pods_looked_timestamp_seconds)", name="warm pods"),
                Query(expression="time() - max(studiolo_images_looked_timestamp_seconds)", name="images ahead"),
            ),
        ),
        Panel(
            title="Forecasts of starts",
            text="Half were wrong by less than the error; a quarter is good. Close is within 30 %.",
            unit="percentunit",
            queries=(
                Query(expression="max by (way) (studiolo_forecast_median_error_ratio)", name="{{way}}: median error"),
                Query(expression="max by (way) (studiolo_forecast_within_30_percent_ratio)", name="{{way}}: close"),
            ),
        ),
        Panel(
            title="Held room",
            text="Slots that long wait for a node mean that no node comes: ask the autoscaler, or hold fewer.",
            queries=(Query(expression="max by (hardware, state) (studiolo_slots)", name="{{hardware}} {{state}}"),),
        ),
        Panel(
            title="Images ahead",
            text="Nodes without an image that they want. Many that wait for long: the disk budget is small, or"
            " registries are slow; of those that failed studiolo capacity images says why.",
            queries=(
                Query(
                    expression="max by (environment, state)"
                    ' (studiolo_images_ahead{environment=~"$environment", state!="present"})',
                    name="{{environment}} {{state}}",
                ),
            ),
        ),
        Panel(
            title="Held room costs an hour",
            text="By the catalog's prices, in its currency; what is held and used by nobody.",
            is_stacked=True,
            queries=(
                Query(expression="max by (hardware) (studiolo_slots_cost_per_hour)", name="{{hardware}}"),
                Query(expression="max by (hardware) (studiolo_warm_pods_cost_per_hour)", name="{{hardware}}, warm"),
            ),
        ),
        Panel(
            title="Answers now",
            text="Without the hub's database nobody can sign in or start; running workspaces go on.",
            kind="stat",
            words=("no", "yes"),
            queries=(
                Query(expression="min(studiolo_hub_database_reachable)", name="hub's database"),
                Query(expression="min(studiolo_services_database_reachable)", name="services' database"),
                Query(expression="min(studiolo_pod_watch_synced)", name="pods known"),
                Query(expression="min(studiolo_catalog_valid)", name="catalogs valid"),
            ),
        ),
        Panel(
            title="Problems of the catalogs",
            text="The catalogs on disk were refused for these, and the last good ones go on: studiolo catalog check.",
            queries=(Query(expression="max by (problem) (studiolo_catalog_problem)", name="{{problem}}"),),
        ),
    ),
)

PROCESSES: Final = Row(
    title="Hub, services and proxy",
    panels=(
        Panel(
            title="Hub: 95 of 100 requests take less than",
            text="Starts and stops are answered at once, so more than a second is a hub that has too much to do.",
            unit="s",
            queries=(
                Query(expression=quantile(0.95, "jupyterhub_request_duration_seconds_bucket"), name="requests"),
                Query(expression=quantile(0.95, "jupyterhub_event_loop_interval_seconds_bucket"), name="event loop"),
            ),
        ),
        Panel(
            title="Services: 95 of 100 requests take less than",
            text="The hub waits 300 ms for an answer and goes on without.",
            unit="s",
            queries=(
                Query(expression=quantile(0.95, "studiolo_services_request_seconds_bucket", "route"), name="{{route}}"),
            ),
        ),
        Panel(
            title="Answers that are faults",
            text="In five minutes. The log tells of each under the reference that its page showed.",
            queries=tuple(
                Query(expression=f"sum({events(series, '5m')}) or vector(0)", name=name)
                for name, series in (
                    ("hub", 'jupyterhub_request_duration_seconds_count{code=~"5.."}'),
                    ("services", 'studiolo_services_request_seconds_count{status=~"5.."}'),
                    ("proxy", 'requests_proxy{status=~"5.."}'),
                )
            ),
        ),
        Panel(
            title="Memory",
            text="Of the processes that are scraped.",
            unit="bytes",
            queries=(Query(expression='process_resident_memory_bytes{job=~".*studiolo.*"}', name="{{job}} {{pod}}"),),
        ),
    ),
)

STUDIOLO: Final = Dashboard(
    title="Studiolo",
    identity="studiolo",
    variables=(
        Variable(name="environment", title="Software", metric="studiolo_start_seconds_count", label="environment"),
        Variable(name="hardware", title="Hardware", metric="studiolo_start_seconds_count", label="hardware"),
    ),
    rows=(STARTS, WORKSPACES, WARM, TRUTH, PROCESSES),
)
