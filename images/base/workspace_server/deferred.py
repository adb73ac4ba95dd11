"""Imports that are put off: what the hub needs and a user's server does not, and what it needs only later."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableSequence

DEFERRED: dict[str, tuple[str, ...]] = {
    "aiohttp": (),
    "jupyterhub.handlers": (),
    "jupyterhub.handlers.pages": ("class HealthCheckHandler",),
    "jupyterhub.httpclient": ("fetch",),
    "jupyterhub.orm": (),
    "jupyterhub.roles": (),
    "jupyterlab.extensions.pypi": ("PyPIExtensionManager",),
    "requests": (),
    "rfc3986_validator": ("validate_rfc3986",),
    "sqlalchemy": (),
    "sqlalchemy.exc": ("class SQLAlchemyError",),
}
"""Modules that the server imports and does not use before its first answer (most of them: ever).

With each, what is asked of it by name while importing. A function imports the real one when it is called. A class is
one of the hub's that a user's server only compares with, and never meets.
"""

PLAIN_ADDRESS = re.compile(r"https?://[A-Za-z0-9.]+(/[A-Za-z0-9._/-]*)?")
"""Addresses that are valid by RFC 3986 without a doubt; all others are asked of the real validator."""


class DeferredModule(ModuleType):
    """Stands where a module would, and hands out the real one's names once somebody asks for any."""

    __path__: MutableSequence[str] = []  # noqa: RUF012 - what makes a module a package; nothing is ever put in

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.real, name)

    @property
    def real(self) -> ModuleType:
        """The module that this one stands for. All stand-ins of its package step aside first."""
        package = self.__name__.partition(".")[0]
        for name, module in tuple(sys.modules.items()):
            if isinstance(module, DeferredModule) and name.partition(".")[0] == package:
                del sys.modules[name]
        return importlib.import_module(self.__name__)


def _stand_in(name: str) -> DeferredModule:
    module = DeferredModule(name)
    for needed in DEFERRED[name]:
        kind, _, known_as = needed.rpartition(" ")
        setattr(module, known_as, type(known_as, (Exception,), {}) if kind else _called_later(module, known_as))
    return module


def _called_later(module: DeferredModule, name: str) -> Callable[..., Any]:
    """The function, imported with its first call."""

    def call(*args: Any, **options: Any) -> Any:
        return getattr(module.real, name)(*args, **options)

    def is_uri(text: str, **options: Any) -> Any:
        # Jupyter's own schemas are checked at each start, and their plain addresses need no grammar (30 ms to compile).
        return True if PLAIN_ADDRESS.fullmatch(text) else call(text, **options)

    return is_uri if name == "validate_rfc3986" else call


@contextlib.contextmanager
def deferred_imports() -> Iterator[None]:
    """While open, importing one of DEFERRED costs nothing; afterwards everybody gets the real ones."""
    stand_ins = {name: _stand_in(name) for name in DEFERRED if name not in sys.modules}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]


@contextlib.contextmanager
def no_programs_on_path() -> Iterator[None]:
    """While open, PATH leads nowhere; kernels, terminals and the person's own code get it back."""
    path = os.environ.pop("PATH", None)
    os.environ["PATH"] = os.devnull
    try:
        yield
    finally:
        if path is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = path
