"""What `-f` names: JupyterHub runs this file. Everything is decided in `hub/configure.py`."""

from hub.configure import configure
from hub.keys import keys_for
from hub.logs.setup import log_what_nobody_catches
from hub.settings import settings_of_this_process

_settings = settings_of_this_process()
log_what_nobody_catches()
configure(get_config(), _settings, keys_for(_settings))  # type: ignore[name-defined]  # noqa: F821 - traitlets puts `get_config` into this file
