"""A single-user server that waits for its person: `<environment>/bin/python -P start_parked.py`, knowing nobody.

It has imported all that a server needs and rehearsed a start. One message says whose it is; from then on it is the
server that `start_server.py` would have started, until it ends. What it does lies in `park/`, beside this file.

Variables, all optional:
    STUDIOLO_PARK_SOCKET     where it listens for the message; absent: `identity.sock` in its working directory
    STUDIOLO_PARK_UID        the user who may send it; absent: root
    STUDIOLO_PARK_PID        the process that alone may send it
    STUDIOLO_PARK_LISTEN_FD  a listening socket to serve later, made by whoever started us
    STUDIOLO_PARK_PORT       the port to listen on where there is no such socket; 0: none
    STUDIOLO_PARK_READY_FD   a pipe that gets `parked`, and later `ready`
    STUDIOLO_PARK_DEPTH      `imports`: without the rehearsal, for one that somebody waits for already
    STUDIOLO_PARK_KERNEL     `1`: a kernel waits as well
    STUDIOLO_PARK_KEEP       `1`: what it was started with stays beside what it is sent: the variables of a pod's image
"""

from __future__ import annotations

import sys
from pathlib import Path

# At the end: nothing in this folder may stand before a package of the environment.
sys.path.append(str(Path(__file__).resolve().parent))

from park.program import main

if __name__ == "__main__":
    main()
