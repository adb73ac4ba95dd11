"""What crosses the wire about model packages: see `docs/models-service.md` for the archive that goes with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from annotated_types import Len
from pydantic import Field

from studiolo.wire import Received, Sent
from studiolo.wire_bases import LARGEST_LOCK, SlowBuildOffer

HEAD: str = "studiolo.json"
"""The first file of an archive that is sent: a `NewModelPackage`, as JSON."""

FILES: str = "files/"
"""Before the path of every other file in it."""


class NewModelPackage(Sent):
    """What somebody wants packaged. The files come in the same archive."""

    source: Annotated[str, Len(1, 240)]
    """The notebook or module, in its folder: `iris.ipynb`."""
    environment: Annotated[str, Len(1, 255)]
    """Of the catalog, by name: what the model stands on."""
    name: Annotated[str, Len(0, 255)] = ""
    """What the model is called; "": as the source."""
    version: Annotated[str, Len(0, 255)] = ""
    """ "": the commit where everything is committed, else the digest of the files."""
    team: Annotated[str, Len(0, 255)] = ""
    """The team for which it is; "": for yourself."""
    lock: Annotated[str, Len(0, 1024 * 1024)] = ""
    """What is installed beside the environment, as a lock with hashes."""
    sources: Annotated[str, Len(0, LARGEST_LOCK)] = ""
    """What of it has no wheel, as such a lock: a slow build has to have made a base with it (`studiolo.wire_bases`)."""
    allowed_secrets: Annotated[tuple[str, ...], Len(0, 100)] = ()
    """Places that look like secrets and are none, as a plan named them. What is let in is remembered."""
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{7,64})?$")] = ""
    """Of git, where the folder is in a repository."""
    diff: Annotated[str, Len(0, 1024 * 1024)] = ""
    """What of the folder is not committed."""


class LeftOutView(Received):
    """A file or folder that stays out."""

    path: str
    why: str


class FoundSecretView(Received):
    """A line that looks like a key, a token or a password."""

    place: str
    """What `allowed_secrets` names."""
    text: str


class CellView(Received):
    """What becomes of a cell."""

    number: int
    id: str = ""
    kept: bool
    why: str = ""


class ModelPlanView(Received):
    """What a package would be. Nothing is kept of it."""

    name: str
    version: str
    team: str = ""
    environment: str
    base: str = ""
    """The image that it would stand on; "": it runs on this machine alone."""
    methods: tuple[str, ...] = ()
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    """A JSON Schema."""
    module: str = ""
    """The text of the module that holds the model."""
    cells: tuple[CellView, ...] = ()
    files: int = 0
    size: int = 0
    left_out: tuple[LeftOutView, ...] = ()
    secrets: tuple[FoundSecretView, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Why it cannot be packaged as it is."""
    is_packaged: bool = False
    """Whether this very content has this version already."""
    offer: SlowBuildOffer | None = None
    """A base that has to be built first; None where none is needed, or it is there."""


class ModelPackageView(Received):
    """One version of a model."""

    name: str
    version: str
    team: str = ""
    """The team that it is of; "": your own."""
    owner: str = ""
    digest: str
    reference: str = ""
    """How its image is called wherever it is run."""
    is_new: bool = False
    """Whether this very call made it; False: it was there already, with the same content."""
    is_local_only: bool = False
    """It stands on no image: only a machine with the same environment can run it."""
    may_delete: bool = False
    by: str = ""
    made: datetime
    source: str = ""
    source_sha256: str = ""
    tree_sha256: str = ""
    environment: str = ""
    base: str = ""
    base_digest: str = ""
    lock_sha256: str = ""
    commit: str = ""
    has_diff: bool = False
    methods: tuple[str, ...] = ()
    hyperparameters: dict[str, Any] = Field(default_factory=dict)
    """A JSON Schema."""
    doc: str = ""
    cells_kept: tuple[int, ...] = ()
    cells_left: tuple[int, ...] = ()
    files: int = 0
    size: int = 0
    """Bytes of its files."""
    layer_size: int = 0
    """Of them as they are kept."""
    sent_bytes: int = 0
    seconds: float = 0.0
    overridden: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    same_content: tuple[str, ...] = ()
    """Other versions that are the very same image."""


class ProvenanceView(Received):
    """What is said beside an image: in-toto statements, one for each version that is this image."""

    statements: tuple[dict[str, Any], ...] = ()


class ModelPackageViews(Received):
    """All that a person may see."""

    models: tuple[ModelPackageView, ...] = ()


class PackageOrigin(Received):
    """What a package stands on: what the hub asks before it starts a workspace with it."""

    name: str
    version: str
    digest: str
    """Of its image."""
    source: str = ""
    """The notebook or module, in its folder."""
    environment: str
    environment_sha256: str = ""
    """Of the lock file that the environment had."""
    base: str = ""
    """The image of the environment as the catalog named it then; "": none."""
    base_digest: str = ""
    """Of the image that it stands on; "": none."""
    has_lock: bool = False
    """Whether something is installed beside the environment."""


class BaseView(Received):
    """An environment that a model may stand on."""

    name: str
    title: str = ""
    summary: str = ""
    image: str = ""
    """ "": only machines with this environment run what stands on it."""
    packages: dict[str, str] | None = None
    """What it has, by canonical name; None: nobody knows before it runs."""


class ModelChoicesView(Received):
    """What somebody may choose for a package."""

    environments: tuple[BaseView, ...] = ()
    """In the order of the catalog."""
    teams: tuple[str, ...] = ()
    """That they are in."""
    most_bytes: int
    most_files: int
