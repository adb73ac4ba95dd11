"""Room and images ahead of demand, and how long each choice will take to start.

`view.py` is the frozen picture of nodes and pods that every decision here reads; `forecast.py` says how long a start
will take, `stage_times.py` from which measurements.
"""
