"""No token, code or key of an address ever stands in a log: whoever may read logs could act as its owner.

JupyterHub leaves them out of its line for each request. Tornado's lines about requests that failed, and a redirect that
carries the address it came from (`next=…%3Ftoken%3D…`), still have them.
"""

from __future__ import annotations

import logging
import re

from tornado.log import access_log, app_log, gen_log

_SECRET = re.compile(
    r"""
      (?P<name> (?: token | auth | key | code | state | _xsrf | password ) [\w-]{0,40} )
      (?P<equals> = | %(?:25){0,5}3D )
      (?P<value> (?: [^\s&;'"%)>] | %(?!(?:25){0,5}26)[0-9A-F]{2} ){1,4000} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A field of an address, also of one that is itself a field of another, and so on."""


class WithoutSecrets(logging.Filter):
    """Takes the values of such fields out of every message, whoever wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Every record stays; only its words change."""
        if isinstance(record.msg, str):
            message = record.getMessage()
            if (told := without_secrets(message)) != message:
                record.msg, record.args = told, ()
        return True


def without_secrets(text: str) -> str:
    """The text with `[secret]` for each value: `/hub/api/user?token=abc` -> `/hub/api/user?token=[secret]`."""
    return _SECRET.sub(r"\g<name>\g<equals>[secret]", text)


def keep_secrets_out_of_logs(*more: logging.Logger) -> None:
    """From now on, for Tornado's loggers and these. Filters of a logger hold whatever handlers and formats it gets."""
    for logger in (access_log, app_log, gen_log, *more):
        if not any(isinstance(known, WithoutSecrets) for known in logger.filters):
            logger.addFilter(WithoutSecrets())
