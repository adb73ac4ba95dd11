"""What a person's JupyterLab asks of packaging, in a process of its own: `python -P -m studiolo.packaging.child WHAT`.

The server beside it imports nothing of this, and no notebook, however hostile, takes its memory or its time. The
question is one line of JSON on stdin, and what follows that line is the file as it is being edited. Answers are lines
of JSON: `{"phase": …}` as it goes on, and at the end either `{"answer": …}` or `{"refused": …}`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from typing import TYPE_CHECKING, Any, Final

from studiolo.errors import StudioloError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_CPU_SECONDS: Final[Mapping[str, int]] = {"inspect": 2, "plan": 60}
"""Of what only reads. Whatever a notebook is, it is looked at within this or not at all."""

MOST_MEMORY: Final[Mapping[str, int]] = {"inspect": 2**30, "plan": 2 * 2**30}
"""Bytes of address space."""

LARGEST_QUESTION: Final = 1024 * 1024
"""Bytes. Names and a few hundred places."""


def tell(**line: Any) -> None:
    """One line to whoever asked."""
    sys.stdout.write(f"{json.dumps(line)}\n")
    sys.stdout.flush()


def limit(what: str) -> None:
    """No more than this, from now on."""
    if what in MOST_CPU_SECONDS:
        seconds, size = MOST_CPU_SECONDS[what], MOST_MEMORY[what]
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def answer(what: str, question: Mapping[str, Any], content: bytes) -> Mapping[str, Any]:
    """What is answered. Raises StudioloError."""
    match what:
        case "inspect":
            from studiolo.packaging.child_looks import inspected  # noqa: PLC0415 - typing waits for it

            return inspected(question["path"], content)
        case "plan":
            from studiolo.packaging.child_looks import planned  # noqa: PLC0415 - as above

            return planned(question)
        case "package":
            from studiolo.packaging.child_packages import packaged  # noqa: PLC0415 - as above

            return packaged(question, tell)
        case _:
            raise AssertionError(what)  # the server half names no other


def main(what: str) -> None:
    """Reads, answers, ends."""
    limit(what)
    question = json.loads(sys.stdin.buffer.readline(LARGEST_QUESTION))
    content = sys.stdin.buffer.read()
    try:
        tell(answer=answer(what, question, content))
    except StudioloError as error:
        tell(refused={"message": str(error), "hint": error.hint, "code": error.code})
    except OSError as error:
        tell(refused={"message": f"{error.filename or 'A file'} cannot be read: {error.strerror}.", "hint": ""})
    except MemoryError:
        tell(refused={"message": "Reading this takes more memory than may be used for it.", "hint": ""})


if __name__ == "__main__":
    os.umask(0o077)
    main(sys.argv[1])
