"""What `-f` names: JupyterHub runs this file. Everything is decided in `hub/configure.py`."""

from hub.configure import configure
from hub.keys import keys_for
from hub.settings import settings_of_this_process

_settings = settings_of_this_process()
configure(get_config(), _settings, keys_for(_settings))  # type: ignore[name-defined]  # noqa: F821 - traitlets puts `get_config` into this file
