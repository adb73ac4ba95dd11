"""One catalog file to entries: each key read by the function that knows it, every problem noted at its place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from studiolo import catalog_folders as folders
from studiolo import catalog_limits as limits
from studiolo import catalog_machines as machines
from studiolo import catalog_placement as placement
from studiolo import catalog_software as software
from studiolo import catalog_warm as held
from studiolo.catalog_folder_keys import DATA
from studiolo.catalog_keys import MOST_ENTRIES, Key
from studiolo.catalog_model import APPS, DEFAULT_CURRENCY, DEFAULT_TIMEZONE, DataFolder, Environment, Hardware, Platform
from studiolo.catalog_reading import Report, Value
from studiolo.catalog_schema import (
    DATA_KEYS,
    DATA_TOP_KEYS,
    ENVIRONMENT_KEYS,
    ENVIRONMENTS_TOP_KEYS,
    HARDWARE_KEYS,
    HARDWARE_TOP_KEYS,
    LONGEST_NAME,
    LONGEST_SUMMARY,
    LONGEST_TITLE,
)
from studiolo.names import is_slug, slug_like
from studiolo.problems import Problem, listed, quoted
from studiolo.yaml_file import read_yaml
from studiolo.yaml_tree import START, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

EntryT = TypeVar("EntryT", Environment, Hardware, DataFolder)
Readers: TypeAlias = "Mapping[str, Callable[[Value], Any]]"


class Mention(NamedTuple):
    """A team, a title, a mount or a `default: true`, and where it stands: what the checks across entries look at."""

    text: str
    entry: str
    file: str
    place: Place
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogFile(Generic[EntryT]):
    """What one file gave: the entries without errors, every problem, and what the checks across entries need."""

    file: str
    entries: tuple[EntryT, ...]
    problems: tuple[Problem, ...]
    place: Place
    """Where the entries begin."""
    teams: tuple[Mention, ...]
    titles: tuple[Mention, ...]
    defaults: tuple[Mention, ...]
    mounts: tuple[Mention, ...] = ()
    currency: str = DEFAULT_CURRENCY
    timezone: str = DEFAULT_TIMEZONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """How one of the files is laid out."""

    noun: str
    """The key that holds the entries."""
    top_keys: tuple[Key, ...]
    entry_keys: tuple[Key, ...]
    example: str
    elsewhere: Mapping[str, str]
    """Keys of the other files, and where they belong."""
    without: str = "so nobody could start anything"
    """What it means that a file has no entry."""


_OF_DATA: Final = {
    **{key.name: "it belongs at the top of data.yaml" for key in DATA_TOP_KEYS},
    **{key.name: "it belongs to an entry of data.yaml" for key in DATA_KEYS},
}
_ENVIRONMENTS: Final = _Layout(
    noun="environments",
    top_keys=ENVIRONMENTS_TOP_KEYS,
    entry_keys=ENVIRONMENT_KEYS,
    example="{python: {title: Python, requirements: images/python/requirements.lock}}",
    elsewhere={
        **_OF_DATA,
        **{key.name: "it belongs to an entry of hardware.yaml" for key in HARDWARE_KEYS},
        **{key.name: "it belongs at the top of hardware.yaml" for key in HARDWARE_TOP_KEYS},
        **{key.name: "it belongs to an entry below environments" for key in ENVIRONMENT_KEYS},
    },
)
_HARDWARE: Final = _Layout(
    noun="hardware",
    top_keys=HARDWARE_TOP_KEYS,
    entry_keys=HARDWARE_KEYS,
    example="{small: {title: Small, cpu: 2, memory: 4Gi}}",
    elsewhere={
        **_OF_DATA,
        **{key.name: "it belongs to an entry of environments.yaml" for key in ENVIRONMENT_KEYS},
        **{key.name: "it belongs at the top of environments.yaml" for key in ENVIRONMENTS_TOP_KEYS},
        **{key.name: "it belongs at the top of this file" for key in HARDWARE_TOP_KEYS},
        **{key.name: "it belongs to an entry below hardware" for key in HARDWARE_KEYS},
    },
)
_DATA: Final = _Layout(
    noun="data",
    top_keys=DATA_TOP_KEYS,
    entry_keys=DATA_KEYS,
    example="{imagenet: {title: ImageNet, path: /srv/datasets/imagenet}}",
    elsewhere={
        **{key.name: "it belongs to an entry of environments.yaml" for key in ENVIRONMENT_KEYS},
        **{key.name: "it belongs to an entry of hardware.yaml" for key in HARDWARE_KEYS},
        **{key.name: "it belongs at the top of environments.yaml" for key in ENVIRONMENTS_TOP_KEYS},
        **{key.name: "it belongs at the top of hardware.yaml" for key in HARDWARE_TOP_KEYS},
        "default": "it belongs to an entry of the other files",
        **{key.name: "it belongs to an entry below data" for key in DATA_KEYS},
    },
    without="and without the file there is no data either",
)


def read_environments(path: Path, *, platform: Platform) -> CatalogFile[Environment]:
    """environments.yaml. Locks must exist on one machine; a hub in a pod has the catalogs without them."""
    reader = _FileReader(path, _ENVIRONMENTS)
    must_exist = platform is Platform.LOCAL
    readers: Readers = {
        "image": software.image,
        "requirements": partial(software.requirements, directory=path.parent, must_exist=must_exist),
        "programs": software.programs,
        "apps": software.apps,
    }
    found = []
    for name, entry, facts, places in reader.entries(readers):
        if entry.is_block and not {"image", "requirements"} & places.keys():
            entry.error(
                "Nothing says what to run. Add requirements (a lock file, for one machine), image (for Kubernetes), "
                "or both.",
                at=entry.key_place,
            )
        if "apps" in facts and "requirements" in facts:
            _check_apps_in_lock(places["apps"], facts["apps"], facts["requirements"])
        found.append({"name": name, **facts})
    return reader.done(Environment, found)


def read_hardware(path: Path) -> CatalogFile[Hardware]:
    """hardware.yaml."""
    reader = _FileReader(path, _HARDWARE)
    readers: Readers = {
        "cpu": machines.cpu,
        "memory": machines.memory,
        "gpu": machines.gpu,
        "price_per_hour": machines.price,
        "idle": limits.idle,
        "max_age": limits.limit,
        "node_selector": placement.node_selector,
        "tolerations": placement.tolerations,
        "affinity": placement.affinity,
        "priority_class": placement.class_name,
        "runtime_class": placement.class_name,
        "ephemeral_storage": partial(machines.memory, what="disk"),
        "scratch": partial(machines.memory, what="disk"),
        "warm": held.warm,
    }
    found = []
    for name, _, facts, _ in reader.entries(readers):
        facts["memory_bytes"] = facts.pop("memory", None)
        facts["stop_after"] = facts.pop("idle", None)
        facts["ephemeral_storage_bytes"] = facts.pop("ephemeral_storage", None)
        facts["scratch_bytes"] = facts.pop("scratch", None)
        found.append({"name": name, **facts})
    return reader.done(Hardware, found)


def read_data(path: Path, *, platform: Platform, homes_claim: str | None = None) -> CatalogFile[DataFolder]:
    """data.yaml. There need not be one. `homes_claim`: see `check_age`."""
    if not path.exists():
        return CatalogFile(file=str(path), entries=(), problems=(), place=START, teams=(), titles=(), defaults=())
    reader = _FileReader(path, _DATA)
    readers: Readers = {
        "claim": folders.claim,
        "folder": folders.folder,
        "path": partial(folders.path, must_exist=platform is Platform.LOCAL),
        "mount": folders.mount,
        "read_only": Value.boolean,
        "max_age": folders.max_age,
    }
    found: list[dict[str, Any]] = []
    aged: dict[str, Value] = {}
    for name, entry, facts, places in reader.entries(readers):
        folders.check_places(entry, places)
        folders.check_age(places, facts, homes_claim=homes_claim)
        if "max_age" in places:
            aged[name] = places["max_age"]
        if "mount" not in places:
            facts["mount"] = f"{DATA}/{name}"
        if "mount" in facts:
            reader.note_mount(facts["mount"], name, places.get("mount", entry))
        found.append({"name": name, **facts})
    folders.check_ages(found, aged)
    return reader.done(DataFolder, found)


class _FileReader:
    """What reading the files has in common: top keys, names of entries, how entries are shown and to whom."""

    def __init__(self, path: Path, layout: _Layout) -> None:
        document = read_yaml(path)
        self._layout = layout
        self._root = document.root
        self._report = Report(document.file, document.problems)
        self._place = START
        self._teams: list[Mention] = []
        self._titles: list[Mention] = []
        self._defaults: list[Mention] = []
        self._mounts: list[Mention] = []
        self._top: dict[str, str] = {}

    def entries(self, readers: Readers) -> Iterator[tuple[str, Value, dict[str, Any], dict[str, Value]]]:
        """Each entry: its name, its value, the facts that could be read, and where they stand."""
        if self._root is None:
            return
        root = Value(node=self._root, path="", report=self._report)
        if root.is_nothing:
            root.error(f"The file holds nothing. Begin with {self._layout.noun}: and an entry below it.")
            return
        example = f"{{{self._layout.noun}: {self._layout.example}}}"
        for key, value in root.fields(self._layout.top_keys, example=example, elsewhere=self._layout.elsewhere):
            if key == self._layout.noun:
                self._place = value.key_place or value.place
                yield from self._entries_below(value, readers)
            else:
                text = machines.currency(value) if key == "currency" else machines.timezone(value)
                self._top |= {key: text} if text is not None else {}

    def done(self, model: type[EntryT], found: list[dict[str, Any]]) -> CatalogFile[EntryT]:
        """The file as a whole; entries only when there is no error, since a catalog is taken whole or not at all."""
        return CatalogFile(
            file=self._report.file,
            entries=() if self._report.error_count else tuple(model(**facts) for facts in found),
            problems=self._report.problems,
            place=self._place,
            teams=tuple(self._teams),
            titles=tuple(self._titles),
            defaults=tuple(self._defaults),
            mounts=tuple(self._mounts),
            **self._top,
        )

    def note_mount(self, mount: str, entry: str, value: Value) -> None:
        """Remember where a workspace has an entry, and where that is written."""
        self._mounts.append(self._mention(mount, entry, value))

    def _entries_below(
        self, value: Value, readers: Readers
    ) -> Iterator[tuple[str, Value, dict[str, Any], dict[str, Value]]]:
        if value.is_empty_block:
            value.error(f"There are no entries, {self._layout.without}. Add one, such as {self._layout.example}.")
        for number, (name, entry) in enumerate(value.entries(example=self._layout.example)):
            if number == MOST_ENTRIES:
                entry.error(f"A file has at most {MOST_ENTRIES} entries. Remove some.", at=entry.key_place)
            if number >= MOST_ENTRIES or self._report.is_full:
                return
            _check_name(name, entry)
            facts: dict[str, Any] = {}
            places: dict[str, Value] = {}
            all_readers = {**self._common_readers(name), **readers}
            fields = entry.fields(self._layout.entry_keys, example="{title: …}", elsewhere=self._layout.elsewhere)
            for key, field_value in fields:
                places[key] = field_value
                fact = all_readers[key](field_value)
                if fact is not None:
                    facts[key] = fact
            yield name, entry, facts, places

    def _common_readers(self, entry: str) -> Readers:
        return {
            "title": partial(self._title, entry),
            "summary": partial(Value.text, longest=LONGEST_SUMMARY, example="JupyterLab with NumPy and pandas"),
            "teams": partial(self._team_names, entry),
            "default": partial(self._default, entry),
        }

    def _title(self, entry: str, value: Value) -> str | None:
        title = value.text(longest=LONGEST_TITLE, example="Everyday work")
        if title is not None:
            self._titles.append(self._mention(title, entry, value))
        return title

    def _team_names(self, entry: str, value: Value) -> frozenset[str]:
        named = software.teams(value)
        self._teams += [self._mention(name, entry, item) for item, name in named]
        return frozenset(name for _, name in named)

    def _default(self, entry: str, value: Value) -> bool | None:
        is_default = value.boolean()
        if is_default:
            self._defaults.append(self._mention("true", entry, value))
        return is_default

    def _mention(self, text: str, entry: str, value: Value) -> Mention:
        return Mention(text=text, entry=entry, file=self._report.file, place=value.place, path=value.path)


def _check_name(name: str, entry: Value) -> None:
    if is_slug(name) and len(name) <= LONGEST_NAME:
        return
    slug = slug_like(name)
    entry.error(
        f"{quoted(name)} cannot be a name: lower-case letters, digits and single hyphens, a letter first, at most "
        f"{LONGEST_NAME} characters." + (f' Perhaps "{slug}"?' if is_slug(slug) and len(name) <= LONGEST_NAME else ""),
        at=entry.key_place,
    )


def _check_apps_in_lock(value: Value, apps: tuple[str, ...], lock: Path) -> None:
    needed = sorted({package for app in apps for package in APPS[app].packages})
    missing = software.packages_missing_from_lock(lock, needed)
    if missing:
        value.warn(
            f"The lock file does not name {listed(missing)}, so {listed(APPS[app].title for app in apps)} will not "
            f"open. Add {listed(missing)} to the requirements and lock them again."
        )
