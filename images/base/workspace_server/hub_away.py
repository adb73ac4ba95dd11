"""What is said, and shown, where the hub does not answer and nobody here knows who is asking."""

from __future__ import annotations

import html
import json
from typing import Any, Final

from tornado.web import HTTPError, RequestHandler

RETRY_SECONDS: Final = 10
"""After how long the page tries again by itself."""

SENTENCE: Final = "Studiolo's hub does not answer, so it cannot be checked who you are."

_PAGE: Final = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="{RETRY_SECONDS}{{again}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Studiolo's hub does not answer</title>
<style>
body {{{{ font: 1rem/1.5 system-ui, sans-serif; max-width: 36rem; margin: 15vh auto; padding: 0 1rem }}}}
</style>
</head>
<body>
<h1>Studiolo's hub does not answer</h1>
<p>So it cannot be checked who you are. Your workspace, your files and all that runs in it are still there.</p>
<p>This page tries again every {RETRY_SECONDS} seconds. If it stays like this, tell whoever runs Studiolo that the hub
is away.</p>
</body>
</html>
"""


class HubAway(HTTPError):
    """The hub did not answer: there was no connection, no answer in time, or it said itself that it is in trouble."""

    def __init__(self) -> None:
        super().__init__(503, SENTENCE)


def write_page(handler: Any, *, again: str = "") -> None:
    """Answers a request with the page. `again`: the address to try next, where it is not the same one."""
    page = _PAGE.format(again=f"; url={html.escape(again)}" if again else "")
    _write(handler, "text/html; charset=utf-8", page)


def write_json(handler: Any) -> None:
    """Answers a request of a program, JupyterLab's own for one, in the form of Jupyter's API."""
    _write(handler, "application/json", json.dumps({"message": SENTENCE, "reason": None}))


def _write(handler: Any, kind: str, text: str) -> None:
    handler.set_header("Content-Type", kind)
    handler.set_header("Cache-Control", "no-store")
    handler.set_header("Retry-After", str(RETRY_SECONDS))
    RequestHandler.finish(handler, text)
