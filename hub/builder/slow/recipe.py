"""What a slow build is made of, and the one form in which it is told to the builder. Pure.

Nothing that a person typed reaches the builder but names of Debian packages and lines of a lock, each checked whole and
each an argument of its own: no shell reads them, and no line of the Containerfile begins with them.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.builder.errors import ModelRefused
from studiolo.packaging.apt import MOST_PACKAGES, is_debian_package
from studiolo.packaging.locks import read_lock
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Collection

    from studiolo.packaging.images import Base

VERSION: Final = 1
"""Of the form. Raised when the same recipe is built in another way: bases of an older form are built anew."""

LARGEST: Final = 96 * 1024
"""Characters of a Containerfile. It travels as an annotation of a pod, of which all may have 256 KiB."""

_BASE: Final = re.compile(
    r"[a-z0-9][a-z0-9.-]*(?::[0-9]{1,5})?(?:/[a-z0-9][a-z0-9._-]*)+@sha256:[0-9a-f]{64}", re.ASCII
)
_USER: Final = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?)?", re.ASCII)
_LINE: Final = re.compile(
    r"[a-z0-9][a-z0-9.-]*==[A-Za-z0-9.!+_-]+(?: ; [\w .'\"<>=!()~,-]+)?(?: --hash=sha256:[0-9a-f]{64})+", re.ASCII
)

_INSTALL_APT: Final = """\
sources=/etc/apt/sources.list.d; list=/etc/apt/sources.list
if [ -n "${APT_SOURCES-}" ]; then
  sources=$(mktemp -d); list=/dev/null
  printf '%s\\n' "$APT_SOURCES" >"$sources/studiolo.sources"; chmod -R a+rX "$sources"
fi
use() {
  program=$1; shift
  DEBIAN_FRONTEND=noninteractive "$program" -q -o Dir::Etc::SourceParts="$sources" -o Dir::Etc::SourceList="$list" \
    -o Acquire::Languages=none "$@"
}
use apt-get update
for wanted; do
  use apt-cache pkgnames | grep -Fxq -e "${wanted%%=*}" \
    || { echo "Debian has no package ${wanted%%=*} here."; exit 100; }
done
use apt-get install --yes --no-install-recommends -- "$@"
use apt-get clean
[ "$list" != /dev/null ] || rm -r "$sources"
rm -rf /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log
"""
"""Each name is looked for as it is: what apt-get does not know it would take for a pattern."""

_INSTALL_LOCK: Final = """\
lock=$(mktemp); printf '%s\\n' "$@" >"$lock"
python=$(command -v python || command -v python3)
if command -v uv >/dev/null; then
  uv pip install --python "$python" --break-system-packages --no-deps --require-hashes --no-cache --link-mode copy \
    --requirement "$lock"
elif "$python" -m pip --version >/dev/null 2>&1; then
  "$python" -m pip install --no-deps --require-hashes --no-cache-dir --requirement "$lock"
else
  echo "The base has neither uv nor pip, so nothing of Python can be installed in it."; exit 100
fi
rm "$lock"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A base, and what is installed in it. Made by `recipe_of`, which checks each part."""

    base: str
    """The image that it begins with, by its digest."""
    user: str = ""
    """As whom that image runs; "" where it does not say."""
    apt: tuple[str, ...] = ()
    """Debian packages, each as `NAME` or `NAME=VERSION`."""
    lock: tuple[str, ...] = ()
    """Packages of Python that may be built from their source, each with its version and hashes."""

    @property
    def is_empty(self) -> bool:
        """Whether it is the base itself."""
        return not self.apt and not self.lock

    @property
    def key(self) -> str:
        """The same for the same recipe, whoever asks for it."""
        return hashlib.sha256(self.containerfile.encode()).hexdigest()

    @property
    def containerfile(self) -> str:
        """What the builder is told."""
        lines = [f"# A base of Studiolo, form {VERSION}.", f"FROM {self.base}"]
        if self.user:
            lines.append("USER 0:0")
        if self.apt:
            lines += ["ARG APT_SOURCES", _run(_INSTALL_APT, self.apt)]
        if self.lock:
            lines += ["ARG PIP_INDEX_URL", "ARG UV_DEFAULT_INDEX", _run(_INSTALL_LOCK, self.lock)]
        if self.user:
            lines.append(f"USER {self.user}")
        return "".join(f"{line}\n" for line in lines)


def recipe_of(base: Base, *, reference: str, apt: Collection[str], lock: str) -> Recipe:
    """The recipe of a base with something more. Raises ModelRefused with everything that stands against it.

    `reference` is where the base can be pulled, by its digest; `lock` is of what may be built from its source.
    """
    problems: list[str] = []
    user = str((base.config.get("config") or {}).get("User") or "")
    if not _BASE.fullmatch(reference) or not reference.endswith(f"@{base.digest}"):
        problems.append(f"The base {quoted(reference)} has no address with a digest, so nothing can be built on it.")
    if not _USER.fullmatch(user):
        problems.append(f"The base runs as {quoted(user)}, which is no name or number of a user.")
    problems += [f"apt: {quoted(one)} is no Debian package." for one in apt if not is_debian_package(one)]
    if len(apt) > MOST_PACKAGES:
        problems.append(f"apt: {len(apt)} Debian packages are named, and {MOST_PACKAGES} are the most.")
    lines = tuple(" ".join(str(one).replace("\\\n", " ").split()) for one in read_lock("lock", lock, problems))
    problems += [f"lock: {quoted(line[:80])} cannot be built." for line in lines if not _LINE.fullmatch(line)]
    recipe = Recipe(base=reference, user=user, apt=tuple(sorted(set(apt))), lock=tuple(sorted(set(lines))))
    if not problems and len(recipe.containerfile) > LARGEST:
        problems.append("What is to be built has too many packages and hashes for one base.")
    if problems:
        raise ModelRefused(tuple(problems))
    return recipe


def _run(script: str, arguments: Collection[str]) -> str:
    """A step whose arguments no shell reads: JSON, on one line, with nothing in it that ends a line."""
    return f"RUN {json.dumps(['/bin/sh', '-euc', script, 'studiolo', *arguments])}"
