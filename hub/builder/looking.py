"""Looks at what somebody sent, in a process of its own: `python -P -m hub.builder.looking FOLDER SOURCE …`.

A notebook is a stranger's text, and reading it is the most that is done with it. It is read where nothing can be won:
no credentials, no network of ours, little memory, little time. The answer is JSON, never a pickle.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from hub.builder.errors import ModelRefused
from studiolo.packaging.apt import apt_beside
from studiolo.packaging.errors import ContractRefused, PackagingError, ProjectRefused
from studiolo.packaging.inspection import Inspection, inspect_file
from studiolo.packaging.project import Limits, Project, collect
from studiolo.packaging.secret_scan import FoundSecret, scan
from studiolo.packaging.stripping import is_notebook
from studiolo.problems import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKOUT: Final = Path(__file__).resolve().parents[2]
"""Where `hub` is found."""

MOST_SECONDS: Final = 60
MOST_MEMORY: Final = 2 * 2**30
"""Bytes of address space: a notebook of 100 MB is read whole, more than once."""

MOST_SECRETS: Final = 100
"""Named at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What is in a folder."""

    inspection: Inspection
    project: Project
    secrets: tuple[FoundSecret, ...]
    apt: tuple[str, ...] = ()
    """Debian packages that `apt.txt` names."""


_LOOKED: Final[TypeAdapter[Looked]] = TypeAdapter(Looked)


async def look(folder: Path, source: str, limits: Limits) -> Looked:
    """What is in a folder. Raises ModelRefused with every reason."""
    arguments = [str(folder), source, str(limits.most_bytes), str(limits.most_files)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "hub.builder.looking", *arguments,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={"PATH": os.defpath, "LANG": "C.UTF-8"}, cwd=CHECKOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(MOST_SECONDS):
            answer, complaint = await process.communicate()
    except TimeoutError:
        raise ModelRefused(
            (f"Reading {quoted(source)} and its folder took longer than {MOST_SECONDS} s.",),
            hint="Leave out what is no code, with a .modelignore.",
        ) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
        raise ModelRefused(
            (f"Reading {quoted(source)} and its folder needs more memory or time than there is, or a fault of ours.",),
            hint="Leave out what is no code, with a .modelignore.",
        ) from RuntimeError(last[:500])
    refused = json.loads(answer).get("refused") if answer.startswith(b'{"refused"') else None
    if refused:
        raise ModelRefused(tuple(refused))
    return _LOOKED.validate_json(answer)


def main(arguments: Sequence[str]) -> bytes:
    """What is printed."""
    folder, source, most_bytes, most_files = arguments
    try:
        return _LOOKED.dump_json(
            _look(Path(folder), source, Limits(most_bytes=int(most_bytes), most_files=int(most_files)))
        )
    except (ContractRefused, ProjectRefused) as error:
        problems = list(error.problems)
    except PackagingError as error:
        problems = [f"{error} {error.hint}".strip()]
    except PydanticSerializationError:
        problems = [f"{quoted(source)} has characters that are no text in UTF-8."]
    except OSError as error:
        problems = [f"{quoted(source)} cannot be read: {error.strerror}."]
    return json.dumps({"refused": problems}).encode()


def _look(folder: Path, source: str, limits: Limits) -> Looked:
    project = collect(folder, limits=limits)
    if source not in {file.path for file in project.files}:
        raise ProjectRefused((f"{quoted(source)} is not among the files, or is left out by a .modelignore.",))
    inspection = inspect_file(folder / source)
    secrets = scan(project)[:MOST_SECRETS]
    for file in project.files:
        if is_notebook(file.path):  # its outputs go here, where it takes nobody's time
            (folder / file.path).write_bytes(project.read(file))
    return Looked(inspection=inspection, project=project, secrets=secrets, apt=apt_beside(project))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    sys.stdout.buffer.write(main(sys.argv[1:]))
