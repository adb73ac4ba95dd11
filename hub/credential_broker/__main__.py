"""`python -P -m hub.credential_broker`: the credential broker, one process of an installation."""

from __future__ import annotations

import asyncio
import os
import sys

from hub.credential_broker.serving import serve_until_stopped
from hub.credential_broker.settings import settings_in
from hub.logs.settings import LogsSettings
from hub.logs.setup import set_up_services_logs
from studiolo.errors import StudioloError


def main() -> int:
    """Run until somebody says stop; the exit code."""
    set_up_services_logs(LogsSettings())
    try:
        asyncio.run(serve_until_stopped(settings_in(os.environ)))
    except (StudioloError, OSError) as error:
        print(f"{error}\n{getattr(error, 'hint', '')}".rstrip(), file=sys.stderr)  # noqa: T201 - said to who called
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
