"""The repository that a workspace was started with: cloned into the home at first, and brought up to date afterwards.

It happens beside a server that answers already, and whatever goes wrong is a notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from studiolo_lab.git_program import Git, GitFailed, GitMissing, GitTimedOut
from studiolo_lab.git_words import explain
from studiolo_lab.repository_plan import Asked, LeftAlone
from studiolo_lab.repository_update import Update

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from studiolo_lab.notices import Board

VARIABLE: Final = "STUDIOLO_GIT"
"""The address, with `#` and a branch where one is meant."""

KEY: Final = "git"
"""Of its notices."""

AFTER_SECONDS: Final = 1.0
"""The server's first answers come first: somebody waits for them."""

CLONE_SECONDS: Final = 1800.0

HALF_CLONE: Final = ".studiolo-clone-"
FORGOTTEN_AFTER_SECONDS: Final = 2 * CLONE_SECONDS
"""No clone takes that long: what is older was left by a workspace that ended meanwhile."""


def begin(server: Any, board: Board, environ: MutableMapping[str, str]) -> None:
    """Has it brought in once the server runs. The variable is for nobody who comes after."""
    text = environ.pop(VARIABLE, "")
    if not text:
        return
    home = Path(environ.get("HOME", "~")).expanduser()
    git = Git(dict(environ), home=home)
    tasks = []  # a task that nobody holds may vanish

    def start() -> None:
        tasks.append(asyncio.ensure_future(bring(text, home=home, git=git, board=board)))

    server.io_loop.call_later(AFTER_SECONDS, start)


async def bring(text: str, *, home: Path, git: Git, board: Board) -> None:
    """Clones it or brings it up to date, and says on the board what became of it. Raises nothing."""
    asked = Asked.parse(text)
    if asked is None:
        board.tell(KEY, "warning", "No repository was cloned: its address cannot be read.")
        return
    place, shown = home / asked.folder, f"~/{asked.folder}"
    is_new = False
    try:
        is_new = await asyncio.to_thread(_is_free, place)
        if is_new:
            board.tell(KEY, "info", f"{shown} is being cloned from {asked.host}.")
        if is_new and await _clone(asked, place=place, git=git):
            news: str | None = f"{shown} is there: cloned from {asked.host}."
        else:
            news = await Update(asked, place=place, git=git).apply()
    except LeftAlone as reason:
        board.tell(KEY, "warning", f"{shown} was left as it is: {reason}")
    except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
        done = "cloned" if is_new else "brought up to date"
        board.tell(KEY, "warning", f"{shown} was not {done}: {_cause(error, asked.host)}")
    else:
        if news is None:
            board.withdraw(KEY)
        else:
            board.tell(KEY, "info", news)


async def _clone(asked: Asked, *, place: Path, git: Git) -> bool:
    """Whether it is there now, by us: cloned beside its place, and moved to it when it is whole."""
    await asyncio.to_thread(_remove_forgotten, place.parent)
    beside = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=HALF_CLONE, dir=place.parent))
    try:
        whole = beside / asked.folder
        branch = ("--branch", asked.branch) if asked.branch else ()
        words = ("clone", "--quiet", *branch, "--", asked.url, str(whole))
        await git.run_with_server(*words, folder=place.parent, seconds=CLONE_SECONDS)
        return await asyncio.to_thread(_move, whole, place)
    finally:
        await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)


def _cause(error: Exception, host: str) -> str:
    match error:
        case GitMissing():
            return "this software has no git."
        case GitTimedOut():
            return f"it took too long. {host} is slow or does not answer, or the repository is very large."
        case GitFailed():
            return explain(error.said, host=host)
        case OSError():
            return explain(f"could not create: {error}", host=host)
        case _:
            return f"that is a mistake in Studiolo ({type(error).__name__})."


def _is_free(place: Path) -> bool:
    """Whether nothing is there, or an empty folder."""
    if place.is_symlink():
        return False
    try:
        return not any(place.iterdir())
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        return False


def _move(whole: Path, place: Path) -> bool:
    """Whether it could be moved: false where something came to be there meanwhile."""
    try:
        whole.rename(place)
    except OSError:
        if _is_free(place):
            raise
        return False
    return True


def _remove_forgotten(home: Path) -> None:
    oldest = time.time() - FORGOTTEN_AFTER_SECONDS
    for path in home.glob(f"{HALF_CLONE}*"):
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < oldest:
                shutil.rmtree(path, ignore_errors=True)
