"""Which environment variables a person may give a workspace, and what is wrong with one that is refused.

User options are no place for secrets: everybody who may read the list of servers reads them, and JupyterHub keeps them.
So what looks like a secret is refused, and no text of ours repeats it.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from studiolo.secret_patterns import looks_like_secret

MOST_VARIABLES: Final = 100
LONGEST_NAME: Final = 100
LONGEST_VALUE_BYTES: Final = 4096
"""With a hundred of them, well under what Linux lets a process begin with."""

RESERVED_NAMES: Final = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "PWD", "IFS", "ENV", "BASH_ENV", "GCONV_PATH", "GLIBC_TUNABLES"),
        *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"),
        *("GIT_SSH_COMMAND", "MEM_LIMIT", "MEM_GUARANTEE", "CPU_LIMIT", "CPU_GUARANTEE", "VIRTUAL_ENV", "NODE_OPTIONS"),
    }
)
"""Set by Studiolo, or read by the loader, a shell or Node.js before any program of ours runs. git, which a start runs,
would run what GIT_SSH_COMMAND and GIT_CONFIG_… say: who wants that keeps it in their ~/.gitconfig."""

RESERVED_PREFIXES: Final = (
    *("LD_", "DYLD_", "PYTHON", "JUPYTER", "JPY_", "NVIDIA_", "STUDIOLO_"),
    *("KUBERNETES_", "BASH_FUNC_", "CONFIGPROXY_", "GIT_CONFIG_"),
)
"""Families that decide what a server loads, whose it is and which devices it sees, on one machine and in a pod."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)

_SECRET_WORDS: Final = frozenset({"SECRETS", "PWD", "PAT"})
_SECRET_ENDS: Final = ("TOKEN", "SECRET", "PASSWD", "PASSPHRASE", "APIKEY")
"""How a word of a secret's name ends: `HF_TOKEN`, `apiToken`, and not `MAX_TOKENS`."""

_SECRET_NAME_PARTS: Final = (
    "API_KEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "SECRET_KEY",
    "AUTH_KEY",
    "ACCOUNT_KEY",
    "PASSWORD",
)
_SAYS_WHERE_NOT_WHAT: Final = ("_FILE", "_PATH", "_DIR", "_URL", "_URI", "_HOST", "_NAME")
"""`HF_TOKEN_PATH` holds no secret but the place of one, and that is the way out that we name."""

_HARMLESS_VALUE = re.compile(r"|true|false|yes|no|on|off|none|[0-9]{1,9}", re.IGNORECASE)
"""`MAX_TOKEN=512` is a setting, not a secret."""


def is_reserved(name: str) -> bool:
    """Whether a variable is Studiolo's to set: it would break a workspace, or reach past it."""
    return name in RESERVED_NAMES or name.startswith(RESERVED_PREFIXES)


def problem_with_name(name: str) -> str | None:
    """What is wrong with the name of a variable: what follows `env.NAME: `, or None."""
    if len(name) > LONGEST_NAME:
        return f"the name is longer than {LONGEST_NAME} characters."
    if not _NAME.fullmatch(name):
        return "not the name of a variable. Use letters, digits and _, beginning with a letter."
    if is_reserved(name):
        return (
            "reserved: it could break the workspace or reach past it. Set it inside a notebook or terminal if you must."
        )
    return None


def problem_with_value(name: str, value: str) -> str | None:
    """What is wrong with the value of a variable: what follows `env.NAME: `, or None. Never repeats the value."""
    if len(value) > LONGEST_VALUE_BYTES or len(value.encode(errors="replace")) > LONGEST_VALUE_BYTES:
        return f"the value is longer than {LONGEST_VALUE_BYTES} bytes. Keep it in a file in your home."
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        return "the value has a line break or another control character. Write it on one line, or keep it in a file."
    if looks_like_secret(value) or _names_a_secret(name, value):
        return (
            "looks like a secret, and others can read the options of a workspace. "
            "Save it under Credentials instead: your workspaces get it from there."
        )
    return None


def _names_a_secret(name: str, value: str) -> bool:
    upper = name.upper()
    if upper.endswith(_SAYS_WHERE_NOT_WHAT):
        return False
    if any(part in upper for part in _SECRET_NAME_PARTS):
        return bool(value)
    if any(word in _SECRET_WORDS or word.endswith(_SECRET_ENDS) for word in upper.split("_")):
        return not _HARMLESS_VALUE.fullmatch(value)
    return False
