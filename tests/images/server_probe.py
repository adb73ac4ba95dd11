"""The settings file of a home that lets a server tell everything about itself: what two ways to start are compared by.

Runs inside the server, so it uses nothing but what is there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

PROBE = r"""
import sys, types

def tell(server):
    import atexit, gc, json, locale, logging, os, re, resource, signal, threading, warnings
    from traitlets import HasTraits

    def plain(value):
        text = re.sub(r" at 0x[0-9a-f]+", "", repr(value))
        text = re.sub(r"<Task .*|<_GatheringFuture.*|<Future .*", "<task>", text)
        text = re.sub(r"datetime\.datetime\([^)]*\)?(, tzinfo=[^)]*\))?", "<time>", text)
        text = re.sub(r"pid=\d+|fd=\d+|raddr=\([^)]*\)", "<number>", text)
        text = re.sub(r"[0-9a-f]{32,}|[0-9a-f]{8}-[0-9a-f-]{27}", "<random>", text)
        text = re.sub(r'\bb\x27(?:[^\x27\\]|\\.)*\x27|\bb\x22(?:[^\x22\\]|\\.)*\x22', '<bytes>', text)
        text = re.sub(r'\x27version_hash\x27: \x27\d+\x27|^\x2720\d{12}\x27$', '<when it started>', text)
        return text

    gc.unfreeze()
    things = [each for each in gc.get_objects() if isinstance(each, HasTraits)]
    classes = {type(each) for each in things} | {base for each in things for base in type(each).__mro__}
    def defaults(cls):
        return {name: plain(value) for name, value in vars(cls).get("_static_immutable_initial_values", {}).items()}
    def traits(each):
        found = {}
        for name in each.trait_names():
            try:
                found[name] = plain(getattr(each, name))
            except Exception as error:
                found[name] = "raises " + type(error).__name__
        return found
    def parked_home():
        nowhere = "".join(("/non", "existent"))  # in one word it would be found here
        names = {id(vars(module)): name for name, module in list(sys.modules.items()) if hasattr(module, "__dict__")}
        for each in gc.get_objects():
            for text in gc.get_referents(each):
                text = text.decode(errors="replace") if isinstance(text, bytes) and len(text) < 1000 else text
                if isinstance(text, str) and len(text) < 1000 and nowhere in text:
                    yield names.get(id(each)) or type(each).__module__ + "." + type(each).__qualname__
    def open_file(number):
        try:
            return re.sub(r"\[\d+\]|\d+$", "", os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            return None
    loggers = [logging.root, *(each for each in logging.Logger.manager.loggerDict.values() if hasattr(each, "level"))]
    mask = os.umask(0)
    os.umask(mask)
    settings = server.web_app.settings
    routes = [plain(rule.matcher.regex.pattern) for group in server.web_app.default_router.rules
              for rule in getattr(group.target, "rules", []) if hasattr(rule.matcher, "regex")]
    return json.dumps({
        "traits": sorted((type(each).__name__, sorted(traits(each).items())) for each in things),
        "defaults": sorted((cls.__module__ + "." + cls.__name__, defaults(cls)) for cls in classes),
        "settings": sorted((str(key), plain(value)) for key, value in settings.items()),
        "routes": routes,
        "environment": sorted(os.environ.items()),
        "folder": os.getcwd(),
        "path": sys.path,
        "arguments": sys.argv[1:],
        "flags": plain(sys.flags),
        "umask": mask,
        "open files": sorted(filter(None, map(open_file, os.listdir("/proc/self/fd")))),
        "inherited": sorted(int(n) for n in os.listdir("/proc/self/fd") if open_file(n) and os.get_inheritable(int(n))),
        "threads": sorted({re.sub(r"\d+", "", each.name) for each in threading.enumerate()}),
        "signals": [plain(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "garbage": [gc.isenabled(), gc.get_threshold()],
        "loggers": sorted((re.sub(r"\d+$", "", each.name), each.level, each.propagate, each.disabled,
                           plain(each.parent), [plain(handler) for handler in each.handlers]) for each in loggers),
        "logging": logging.root.manager.disable,
        "warnings": [plain(each) for each in warnings.filters],
        "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding()],
        "limits": [resource.getrlimit(each) for each in range(10)],
        "at exit": atexit._ncallbacks(),
        "modules": sorted(sys.modules),
        "parked home": sorted(set(parked_home())),
    })

def load(server):
    from tornado.web import RequestHandler
    class Tell(RequestHandler):
        def get(self):
            self.finish(tell(server))
    server.web_app.add_handlers(".*$", [(server.base_url + "tell", Tell)])

probe = types.ModuleType("probe")
probe._jupyter_server_extension_points = lambda: [{"module": "probe"}]
probe._load_jupyter_server_extension = load
sys.modules["probe"] = probe
c = get_config()
c.ServerApp.jpserver_extensions = {"probe": True}
"""


def told(text: str, **varying: object) -> dict[str, dict[str, str]]:
    """What a server told, one line for each thing; `varying` is replaced by its name wherever it appears."""
    for name, value in varying.items():
        text = re.sub(rf"(?<![0-9a-zA-Z]){re.escape(str(value))}(?![0-9a-zA-Z])", name.upper(), text)
    raw = json.loads(text)
    counted: dict[str, dict[str, str]] = {}
    for kind, found in raw.items():
        lines: dict[str, str] = {}
        for key, value in _lines(kind, found):
            lines[_unused(key, lines)] = value
        counted[kind] = lines
    return counted


def _lines(kind: str, found: Any) -> Iterator[tuple[str, str]]:
    match kind:
        case "traits":
            yield from ((f"{cls}.{name}", value) for cls, traits in found for name, value in traits)
        case "defaults":
            yield from ((f"{cls}.{name}", value) for cls, traits in found for name, value in traits.items())
        case "settings" | "environment":
            yield from ((name, value) for name, value in found)
        case "loggers":
            # Jupyter names those of its events by their places in memory, of which one may be used twice.
            yield from {name: json.dumps(rest) for name, *rest in found}.items()
        case "open files":
            # Connections to the hub and to whoever asks come and go; the rehearsal's are looked for elsewhere.
            yield from ((each, "") for each in found if each != "socket:")
        case "modules" | "routes" | "threads" | "parked home":
            yield from ((each, "") for each in found)
        case _:
            yield kind, json.dumps(found)


def _unused(key: str, taken: Mapping[str, str]) -> str:
    number = 1
    while f"{key} ({number})" in taken:
        number += 1
    return f"{key} ({number})"
