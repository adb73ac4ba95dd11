from __future__ import annotations

import io

from rich.console import Console

from studiolo.cli.start_display import StartDisplay
from studiolo.wire import PhaseView, ProgressEvent


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def event(*phases: PhaseView, **values: object) -> ProgressEvent:
    return ProgressEvent.model_validate({"phases": phases, **values})


ROOM_DONE = PhaseView(phase="room", title="Room", state="done", seconds=0.2)
SOFTWARE = PhaseView(
    phase="software", title="Software", state="running", seconds=12, expected_seconds=40, detail="12 of 30 packages"
)
LAB_WAITING = PhaseView(phase="lab", title="Lab", state="waiting", expected_seconds=2)


def drawn(display: StartDisplay) -> str:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as capture:
        console.print(display._draw())
    return capture.get()


def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=100)


def test_each_phase_has_a_line_with_what_it_took_or_will_take() -> None:
    clock = Clock()
    display = StartDisplay(terminal(), clock=clock)
    assert "Asking the hub" in drawn(display)
    display.show(event(ROOM_DONE, SOFTWARE, LAB_WAITING, seconds_left=30))
    room, software, lab, left = drawn(display).splitlines()
    assert room.split() == ["✓", "Room", "0.2", "s"]
    assert software.split()[:8] == ["…", "Software", "12", "s", "of", "about", "40", "s"]
    assert "12 of 30 packages" in software
    assert lab.split() == ["·", "Lab", "about", "2", "s"]
    assert left.strip() == "about 30 s left"


def test_seconds_pass_between_two_events() -> None:
    clock = Clock()
    display = StartDisplay(terminal(), clock=clock)
    display.show(event(ROOM_DONE, SOFTWARE, seconds_left=30))
    clock.now += 10
    assert "22 s of about 40 s" in drawn(display)
    assert "about 20 s left" in drawn(display)
    clock.now += 100
    assert "about 0 s left" in drawn(display)


def test_the_last_event_ends_the_phase_that_was_running() -> None:
    display = StartDisplay(terminal())
    display.show(event(ROOM_DONE, SOFTWARE))
    display.show(event(failed=True, message="no"))
    assert "✗" in drawn(display)
    display.show(event(ready=True))
    assert "left" not in drawn(display)


def test_what_should_be_known_of_the_start_stays_to_be_read() -> None:
    display = StartDisplay(terminal())
    display.show(event(ROOM_DONE, SOFTWARE, seconds_left=30, notices=("Your credentials are missing.",)))
    assert "Your credentials are missing." in drawn(display)
    display.show(event(ready=True))
    assert "Your credentials are missing." in drawn(display)
    output = io.StringIO()
    with StartDisplay(Console(file=output, width=100)) as plain:
        plain.show(event(ROOM_DONE, notices=("Your credentials are missing.",)))
        plain.show(event(ready=True))
    assert output.getvalue().splitlines() == ["Room: done (0.2 s)", "Your credentials are missing."]


def test_a_hub_without_phases_shows_its_message() -> None:
    display = StartDisplay(terminal())
    display.show(event(message="Server requested\x1b[2J"))
    assert drawn(display).strip() == "Server requested [2J"


def test_without_a_terminal_each_change_is_said_once() -> None:
    output = io.StringIO()
    with StartDisplay(Console(file=output, width=20)) as display:
        display.show(event(ROOM_DONE, SOFTWARE))
        display.show(event(ROOM_DONE, SOFTWARE))
        display.show(event(ready=True))
        display.show(event(message="plain"))
        display.show(event(ready=True, message="at /user/alice/"))
    assert output.getvalue().splitlines() == [
        "Room: done (0.2 s)",
        "Software: running",
        "Software: done (12 s)",
        "plain",
    ]


def test_on_a_terminal_it_is_drawn_and_left_standing() -> None:
    console = terminal()
    with StartDisplay(console) as display:
        display.show(event(ROOM_DONE))
    assert isinstance(console.file, io.StringIO)
    assert "Room" in console.file.getvalue()
