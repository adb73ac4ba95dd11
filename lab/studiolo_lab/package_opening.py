"""Brings in the files of the package that a workspace was started with, and shows its notebook at the first visit.

It happens beside a server that answers already, and whatever goes wrong is a notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from studiolo_lab.package_files import PackageRefused, TryLater, fetch, find, place
from studiolo_lab.package_plan import Package, page_of, said_of, said_of_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

    from studiolo_lab.notices import Board
    from studiolo_lab.package_files import Placed

VARIABLE: Final = "STUDIOLO_MODEL"
KEY: Final = "model"
"""Of its notices."""

VISIT_SECONDS: Final = 3.0
"""How long the first visit waits for the files, to be shown the notebook: most come in a tenth of a second."""

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, *(15.0,) * 40)
"""Before each further try: ten minutes in all. A hub or service that is restarted is back before."""

Answer = TypeVar("Answer")


class Opening:
    """One package on its way into one home."""

    def __init__(
        self,
        package: Package,
        *,
        home: Path,
        environ: Mapping[str, str],
        board: Board,
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self._package = package
        self._home = home
        self._environ = environ
        self._board = board
        self._pauses = pauses
        self._is_visited = False
        self._page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def bring(self) -> None:
        """Fetches the files, and says on the board what became of it. Raises nothing."""
        shown = self._package.shown
        try:
            placed = await _in_thread(lambda: find(self._package, self._home)) or await self._fetch()
        except (PackageRefused, TryLater) as reason:
            self._tell("warning", f"The files of {shown} are not here: {reason}")
        except OSError as error:
            self._tell("warning", f"The files of {shown} are not here: {said_of_disk(error)}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the server goes on
            self._tell("warning", f"The files of {shown} are not here: a mistake in Studiolo ({type(error).__name__}).")
        else:
            self._tell("info", said_of(self._package, placed))
            self._page.set_result(page_of(self._package, placed))
            return
        self._page.set_result("")

    async def first_page(self) -> str:
        """What the first visit is shown, below the server's address; "" for JupyterLab as it always opens."""
        if self._is_visited:
            return ""
        self._is_visited = True
        with contextlib.suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self._page), VISIT_SECONDS)
        return ""

    async def _fetch(self) -> Placed:
        self._tell("info", f"The files of {self._package.shown} are being fetched.")
        for pause in self._pauses:
            try:
                return await _in_thread(self._fetch_once)
            except TryLater:
                await asyncio.sleep(pause)
        try:
            return await _in_thread(self._fetch_once)
        except TryLater as reason:
            raise TryLater(f"Studiolo does not give them now ({reason}). Start the workspace again later.") from reason

    def _fetch_once(self) -> Placed:
        with tempfile.TemporaryFile() as archive:
            fetch(self._package, self._environ, archive)
            return place(archive, self._package, self._home)

    def _tell(self, level: Any, text: str) -> None:
        self._board.tell(KEY, level, text)


def begin(server: Any, board: Board, environ: MutableMapping[str, str]) -> None:
    """Has it brought in once the server runs. The variable is for nobody who comes after."""
    text = environ.pop(VARIABLE, "")
    package = Package.parse(text) if text else None
    if package is None:
        if text:
            board.tell(KEY, "warning", "No files of a model package are here: its name cannot be read.")
        return
    from studiolo_lab.package_visit import FirstVisit  # noqa: PLC0415 - of Jupyter, which only a server has

    known = dict(environ)
    home = Path(known.get("HOME", "~")).expanduser()
    begun: list[Opening] = []
    tasks = []  # a task that nobody holds may vanish

    def start() -> None:
        begun.append(Opening(package, home=home, environ=known, board=board))
        tasks.append(asyncio.ensure_future(begun[0].bring()))

    server.io_loop.add_callback(start)
    base_url = server.web_app.settings["base_url"]
    handler = (f"{base_url}?", FirstVisit, {"opening": lambda: begun[0] if begun else None})
    server.web_app.add_handlers(".*$", [handler])


async def _in_thread(work: Callable[[], Answer]) -> Answer:
    """In a thread that the end of the server does not wait for: what is half done is thrown away at the next start."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Answer] = loop.create_future()

    def settle(result: Answer | None, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is not None:
            answer.set_exception(error)
        else:
            answer.set_result(result)  # type: ignore[arg-type]  # one of the two is there

    def run() -> None:
        try:
            result, failed = work(), None
        except Exception as error:  # noqa: BLE001 - told to whoever waits
            result, failed = None, error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, result, failed)

    threading.Thread(target=run, name="studiolo-package", daemon=True).start()
    return await answer
