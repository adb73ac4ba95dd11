"""People's homes on one volume: made, measured, put aside and brought back by a process of its own.

`python -P -m hub.homes` alone mounts the whole volume. The hub asks it over HTTP (`spawner/homes.py`); on one machine
what is needed of it is a function call.
"""
