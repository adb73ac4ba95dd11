"""Why an image could not be fetched or started, read from the words of kubelets and container runtimes.

The words are those of containerd, and where they differ of CRI-O and of the registries of Docker and of the clouds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from spawner.verdicts.outcomes import ImageFault, RegistryTrouble, SettingKind

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_TEXT: Final = 20_000
"""Characters that are read: a registry may answer with a page of HTML."""


class PullProblem(StrEnum):
    """What stands between us and an image."""

    NOT_FOUND = "not_found"
    REFUSED = "refused"
    AWAY = "away"
    WRONG_PLATFORM = "wrong_platform"
    BAD_NAME = "bad_name"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullText:
    """A failed pull, read."""

    problem: PullProblem
    image: str
    trouble: RegistryTrouble | None = None
    """Of a registry that is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingText:
    """A Secret or ConfigMap that is not there, or a key that is not in it."""

    of: SettingKind
    name: str
    key: str = ""


_IMAGE = re.compile(r'[Ii]mage (?:name )?\\?"([^"\\]{1,1000})\\?"')
_URL = re.compile(r'"?https?://[^"\s]*"?')
_BAD_NAME = re.compile(r"invalid reference format|couldn't parse image name|InvalidImageName")

_PULLS: Final[tuple[tuple[re.Pattern[str], PullProblem, RegistryTrouble | None], ...]] = (
    (_BAD_NAME, PullProblem.BAD_NAME, None),
    (
        re.compile(r"no match for platform|no matching manifest|no image found in (?:manifest list|image index)"),
        PullProblem.WRONG_PLATFORM,
        None,
    ),
    (re.compile(r"too ?many ?requests|: 429\b|rate limit", re.IGNORECASE), PullProblem.AWAY, RegistryTrouble.BUSY),
    (
        re.compile(r"no such host|server misbehaving|name resolution", re.IGNORECASE),
        PullProblem.AWAY,
        RegistryTrouble.UNKNOWN_NAME,
    ),
    (
        re.compile(r"x509|tls: |certificate|server gave HTTP response to HTTPS", re.IGNORECASE),
        PullProblem.AWAY,
        RegistryTrouble.CERTIFICATE,
    ),
    (
        re.compile(
            r"connection refused|no route to host|network is unreachable|timeout|timed out|deadline exceeded"
            r"|connection reset|broken pipe|\bEOF\b",
            re.IGNORECASE,
        ),
        PullProblem.AWAY,
        RegistryTrouble.NO_ANSWER,
    ),
    (
        re.compile(
            r"unauthorized|denied|authentication required|no basic auth credentials|authorization failed|forbidden"
            r"|insufficient_scope|: 40[13]\b",
            re.IGNORECASE,
        ),
        PullProblem.REFUSED,
        None,
    ),
    (
        re.compile(r": 5\d\d\b|internal server error|bad gateway|unavailable", re.IGNORECASE),
        PullProblem.AWAY,
        RegistryTrouble.BROKEN,
    ),
    (
        re.compile(
            r"not found|manifest unknown|name unknown|does not exist|not present with pull policy|: 404\b",
            re.IGNORECASE,
        ),
        PullProblem.NOT_FOUND,
        None,
    ),
)
"""The first that is found counts. "Denied, or it does not exist" is how some registries keep a secret: refused."""

_KEY = re.compile(r"couldn't find key (\S{1,300}) in (Secret|ConfigMap) \S{1,300}/(\S{1,300})")
_OBJECT = re.compile(r'(secret|configmap) \\?"([^"\\]{1,300})\\?" not found', re.IGNORECASE)
_KEY_OF_VOLUME = re.compile(r"references non-existent (secret|config) key: (\S{1,300})")

_FAULTS: Final[Mapping[ImageFault, re.Pattern[str]]] = {
    ImageFault.RUNS_AS_ROOT: re.compile(r"runAsNonRoot|cannot verify user is non-root"),
    ImageFault.NOT_EXECUTABLE: re.compile(r"exec format error"),
    # Only of the program: a mount that fails is also a file that is not there.
    ImageFault.NO_PROGRAM: re.compile(
        r"exec: .*(?:no such file or directory|not found in \$PATH|permission denied|is a directory)"
        r"|executable file .* not found|no command specified"
    ),
    ImageFault.BAD_NAME: _BAD_NAME,
}


def read_pull(message: str) -> PullText:
    """Why a pull failed. What the image is called decides nothing, even where it is called "denied"."""
    text = message[:MOST_TEXT]
    image = found[1] if (found := _IMAGE.search(text)) else ""
    if image:
        text = text.replace(image, "IMAGE")
    text = _URL.sub("URL", text)
    for pattern, problem, trouble in _PULLS:
        if pattern.search(text):
            return PullText(problem=problem, image=image, trouble=trouble)
    return PullText(problem=PullProblem.UNKNOWN, image=image)


def read_setting(message: str) -> SettingText | None:
    """Which Secret or ConfigMap is missing; None where the message is about something else."""
    text = message[:MOST_TEXT]
    if found := _KEY.search(text):
        return SettingText(of=SettingKind(found[2].lower()), name=found[3], key=found[1])
    if found := _OBJECT.search(text):
        return SettingText(of=SettingKind(found[1].lower()), name=found[2])
    if found := _KEY_OF_VOLUME.search(text):
        of = SettingKind.SECRET if found[1] == "secret" else SettingKind.CONFIG_MAP
        return SettingText(of=of, name="", key=found[2])
    return None


def read_fault(message: str) -> ImageFault | None:
    """Why a container of this image cannot be started, whoever tries; None where that is not the image's fault."""
    text = message[:MOST_TEXT]
    return next((fault for fault, pattern in _FAULTS.items() if pattern.search(text)), None)
