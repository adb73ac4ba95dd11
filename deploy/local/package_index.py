"""How this machine's pip is set up, in the words uv understands.

Many machines have pip configured (an index of their own, a folder of wheels) and have never heard of uv. Standard
library only, and runnable as a script: `bootstrap.sh` calls it before anything is installed.
"""

from __future__ import annotations

import configparser
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
}
"""pip's option and what uv calls it. An index of its own also needs its certificate and its patience."""

UV_OLDER_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
"""A machine that has one of these set has told uv already."""

FALSE_WORDS = frozenset({"", "0", "false", "no", "off"})


def uv_environment(env: Mapping[str, str], *, pip_files: tuple[Path, ...]) -> dict[str, str]:
    """The variables to add for uv, so that it finds packages where pip would.

    What is set for uv wins: a variable that is there already is never given again.
    """
    given: dict[str, str] = {}
    for option, value in _pip_options(env, pip_files).items():
        name = UV_NAMES[option]
        if name in env or env.get(UV_OLDER_NAMES.get(name, name)):
            continue
        if name == "UV_NO_INDEX" and value.strip().lower() in FALSE_WORDS:
            continue
        given[name] = _in_uv_form(name, value)
    return given


def pip_configuration_files(env: Mapping[str, str], *, home: Path, platform: str, prefix: Path) -> tuple[Path, ...]:
    """Where pip looks for its configuration, the later one winning (pip's documentation, "Configuration")."""
    only = env.get("PIP_CONFIG_FILE")
    if only == os.devnull:
        return ()
    if platform == "darwin":
        machine = Path("/Library/Application Support/pip/pip.conf")
        user = home / "Library" / "Application Support" / "pip" / "pip.conf"
        if not user.parent.is_dir():
            user = home / ".config" / "pip" / "pip.conf"
    else:
        machine = Path("/etc/xdg/pip/pip.conf")
        user = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / "pip.conf"
    files = (machine, Path("/etc/pip.conf"), home / ".pip" / "pip.conf", user, prefix / "pip.conf")
    return (*files, Path(only)) if only else files


def _pip_options(env: Mapping[str, str], pip_files: tuple[Path, ...]) -> dict[str, str]:
    options: dict[str, str] = {}
    for path in pip_files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, configparser.Error, UnicodeDecodeError):
            continue  # pip says what is wrong with its own file; uv can do without it
        for section in ("global", "install"):
            if parser.has_section(section):
                options |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    options |= {key[4:].lower().replace("_", "-"): value for key, value in env.items() if key.startswith("PIP_")}
    return {option: value for option, value in options.items() if option in UV_NAMES and value.strip()}


def _in_uv_form(name: str, value: str) -> str:
    """What pip separates by white space, uv separates by commas for find-links."""
    words = value.split()
    return (",".join if name == "UV_FIND_LINKS" else " ".join)(words)


def uv_environment_here() -> dict[str, str]:
    """`uv_environment` for this process and this machine."""
    files = pip_configuration_files(os.environ, home=Path.home(), platform=sys.platform, prefix=Path(sys.prefix))
    return uv_environment(os.environ, pip_files=files)


if __name__ == "__main__":
    for variable, setting in uv_environment_here().items():
        sys.stdout.write(f"export {variable}={shlex.quote(setting)}\n")
