"""A server that is parked: started before anybody has asked for it, used once, for one person.

`program.py` is the order of things, `message.py` what a server is told and how that is checked, `delivery.py` who may
tell it, `becoming.py` how it becomes that person's, `rehearsal.py` and `traces.py` the start that is tried out before.
"""
