from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from studiolo.client import (
    Busy,
    HubAway,
    HubFault,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Refused,
    ServiceAway,
    StartFailed,
    Studiolo,
    UnexpectedAnswer,
)
from studiolo.wire import ProgressEvent, StartRecord
from tests.fakes.fake_hub import (
    URL,
    EndsAtOnce,
    EndsWhileStarting,
    FakeHub,
    HubGoesAway,
    NeverEndsAnEvent,
    SaysNoJson,
)

Handler = Callable[[httpx.Request], httpx.Response]


def client_of(fake: FakeHub, user: str = "alice") -> Studiolo:
    return Studiolo(URL, f"token-{user}", transport=fake.transport)


def client_answered_by(handler: Handler) -> Studiolo:
    return Studiolo(URL, "token", transport=httpx.MockTransport(handler))


async def test_workspaces_are_listed_with_default_first() -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "iris", display_name="Iris, 2nd try", state="ready")
    fake.workspace_for_test("alice", "")
    async with client_of(fake) as studiolo:
        default, iris = await studiolo.workspaces()
    assert (default.name, default.state, default.started) == ("default", "stopped", None)
    assert (iris.name, iris.title, iris.state) == ("iris", "Iris, 2nd try", "ready")
    assert (iris.environment, iris.hardware, iris.url) == ("python", "small", f"{URL}/user/alice/iris/")
    assert iris.started == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize("options", [None, [], "python", {"environment": 3, "env": "x", "older": True}])
async def test_user_options_of_any_shape_do_not_hide_a_workspace(options: object) -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "", user_options=options)
    async with client_of(fake) as studiolo:
        (view,) = await studiolo.workspaces()
    assert (view.environment, view.hardware, view.env) == (None, None, {})


async def test_a_token_without_the_right_to_see_workspaces_is_told_so() -> None:
    async with client_answered_by(lambda request: httpx.Response(200, json={"name": "alice"})) as studiolo:
        with pytest.raises(NotAllowed, match="may not see the workspaces of alice"):
            await studiolo.workspaces()


async def test_a_start_tells_its_progress_and_ends_ready() -> None:
    fake, events = FakeHub(), list[ProgressEvent]()
    async with client_of(fake) as studiolo:
        view = await studiolo.start_workspace(
            "iris", {"environment": "minimal"}, title="Iris", on_progress=events.append
        )
    assert (view.state, view.environment, view.title) == ("ready", "minimal", "Iris")
    assert [event.progress for event in events] == [10, 60, 100]
    assert [phase.state for phase in events[1].phases] == ["done", "running"]
    assert events[-1].ready


async def test_a_start_without_waiting_returns_at_once() -> None:
    async with client_of(FakeHub()) as studiolo:
        assert (await studiolo.start_workspace(wait=False)).state == "starting"


async def test_a_start_without_options_asks_for_those_of_the_last_time() -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "", user_options={"environment": "minimal", "hardware": "medium"})
    async with client_of(fake) as studiolo:
        view = await studiolo.start_workspace()
    assert (view.environment, view.hardware) == ("minimal", "medium")


async def test_a_start_that_ends_in_failure_says_the_hubs_sentence_and_no_more() -> None:
    fake = FakeHub()
    fake.starts = EndsWhileStarting()
    async with client_of(fake) as studiolo:
        with pytest.raises(StartFailed) as caught:
            await studiolo.start_workspace()
    assert str(caught.value) == EndsWhileStarting.SENTENCE
    assert "studiolo workspace logs default" in caught.value.hint


async def test_a_start_that_fails_at_once_is_the_same_kind_of_failure() -> None:
    fake = FakeHub()
    fake.starts = EndsAtOnce()
    async with client_of(fake) as studiolo:
        with pytest.raises(StartFailed, match=EndsAtOnce.SENTENCE):
            await studiolo.start_workspace()


async def test_a_hub_that_goes_away_in_the_middle_of_a_start_is_away() -> None:
    fake = FakeHub()
    fake.starts = HubGoesAway()
    async with client_of(fake) as studiolo:
        with pytest.raises(HubAway, match="while the workspace was starting"):
            await studiolo.start_workspace()


@pytest.mark.parametrize("starts", [SaysNoJson(), NeverEndsAnEvent()], ids=lambda starts: type(starts).__name__)
async def test_a_broken_stream_is_an_unexpected_answer(starts: SaysNoJson) -> None:
    fake = FakeHub()
    fake.starts = starts
    async with client_of(fake) as studiolo:
        with pytest.raises(UnexpectedAnswer):
            await studiolo.start_workspace()


async def test_following_what_does_not_start_is_refused() -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "")
    async with client_of(fake) as studiolo:
        with pytest.raises(Refused, match="is not starting"):
            await anext(studiolo.follow_start())


async def test_a_workspace_is_stopped_and_deleted() -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "iris", state="ready")
    async with client_of(fake) as studiolo:
        await studiolo.stop_workspace("iris")
        assert fake.users["alice"].servers["iris"].state == "stopped"
        await studiolo.delete_workspace("iris")
        await studiolo.stop_workspace()  # the default one, which never started: nothing happens
    assert fake.users["alice"].servers == {}


@pytest.mark.looptime
async def test_stopping_waits_until_it_has_stopped() -> None:
    fake = FakeHub()
    server = fake.workspace_for_test("alice", "iris", state="ready")

    def slowly(request: httpx.Request) -> httpx.Response | None:
        if request.method == "DELETE":
            server.state = "stopping"
            return httpx.Response(202)
        return None

    async def answer(request: httpx.Request) -> httpx.Response:
        return slowly(request) or await fake._answer(request)

    async with Studiolo(URL, "token-alice", transport=httpx.MockTransport(answer)) as studiolo:
        stopping = asyncio.create_task(studiolo.stop_workspace("iris"))
        await asyncio.sleep(3)
        assert not stopping.done()
        server.state = "stopped"
        await stopping
        await studiolo.stop_workspace("iris", wait=False)
        with pytest.raises(Refused, match="still stopping after 120 s"):
            await studiolo.stop_workspace("iris")


async def test_the_log_is_its_owners() -> None:
    fake = FakeHub()
    fake.workspace_for_test("alice", "", log="first\nlast ü\n")
    async with client_of(fake) as studiolo:
        assert await studiolo.workspace_log() == "first\nlast ü\n"
    async with client_of(fake, "admin") as studiolo:
        with pytest.raises(NotFound):
            await studiolo.workspace_log(user="alice")


async def test_services_that_are_away_are_told_from_a_hub_that_is() -> None:
    fake = FakeHub()
    fake.services_are_away = True
    async with client_of(fake) as studiolo:
        assert [view.name for view in await studiolo.workspaces()] == ["default"]
        with pytest.raises(ServiceAway):
            await studiolo.workspace_log()
        with pytest.raises(ServiceAway):
            await studiolo.health()


async def test_the_hub_reads_what_to_expect_and_records_starts() -> None:
    fake = FakeHub()
    fake.accuracy = {"starts": 3}
    record = StartRecord(
        user="alice",
        server="",
        environment="python",
        hardware="small",
        environment_digest="digest",
        phases={"room": 0.1},
        outcome="ready",
        started_at=datetime(2026, 3, 1, tzinfo=UTC),
    )
    async with Studiolo(URL, fake.hub_token, timeout=0.3, transport=fake.transport) as studiolo:
        assert (await studiolo.expectations()).accuracy.starts == 3
        await studiolo.record_start(record)
    assert StartRecord.model_validate(fake.recorded[0]) == record


@pytest.mark.looptime
async def test_one_question_takes_no_longer_than_the_limit() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with Studiolo(URL, "token", timeout=0.3, transport=httpx.MockTransport(never)) as studiolo:
        before = asyncio.get_running_loop().time()
        with pytest.raises(ServiceAway, match=r"within 0.3 s"):
            await studiolo.expectations()
        with pytest.raises(HubAway, match=r"within 0.3 s"):
            await studiolo.whoami()
        assert asyncio.get_running_loop().time() - before == pytest.approx(0.6, abs=0.01)


def _answers(status: int, **response: Any) -> Handler:
    return lambda request: httpx.Response(status, **response)


def _raises(error: Exception) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error

    return handler


def _said(status: int, message: str | None, **headers: str) -> Handler:
    return _answers(status, json={"status": status, "message": message}, headers=headers)


@pytest.mark.parametrize(
    ("handler", "error", "text"),
    [
        pytest.param(_raises(httpx.ConnectError("refused")), HubAway, "cannot be reached", id="refuses connections"),
        pytest.param(_raises(httpx.ReadTimeout("slow")), HubAway, "in time", id="stops answering"),
        pytest.param(_raises(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")), HubAway, "certificate", id="tls"),
        pytest.param(_raises(httpx.RemoteProtocolError("half")), UnexpectedAnswer, "breaks off", id="breaks off"),
        pytest.param(_answers(200, html="<html>"), UnexpectedAnswer, "text/html instead of JSON", id="HTML"),
        pytest.param(_answers(200, content=b"hi"), UnexpectedAnswer, "something instead of JSON", id="no type"),
        pytest.param(
            _answers(200, content=b'{"name": "al', headers={"content-type": "application/json"}),
            UnexpectedAnswer,
            "JSON that breaks off",
            id="half of the JSON",
        ),
        pytest.param(
            _answers(200, content=b"[" * 100_000, headers={"content-type": "application/json"}),
            UnexpectedAnswer,
            "JSON that breaks off",
            id="deep JSON",
        ),
        pytest.param(_answers(200, json=["alice"]), UnexpectedAnswer, "another shape", id="another shape"),
        pytest.param(_answers(404, html="<h1>nginx</h1>"), UnexpectedAnswer, "status 404", id="another server's 404"),
        pytest.param(_answers(404, json={"error": "x"}), UnexpectedAnswer, "status 404", id="another API's 404"),
        pytest.param(_answers(418, json={"message": "tea"}), UnexpectedAnswer, "status 418", id="a teapot"),
        pytest.param(_answers(302, headers={"location": "https://x.org/"}), UnexpectedAnswer, "x.org", id="redirect"),
        pytest.param(_answers(503, html="<html>"), HubAway, "behind its proxy", id="the proxy alone"),
        pytest.param(_said(503, "Starting up."), HubAway, "Starting up.", id="says why it is away"),
        pytest.param(_said(401, "Unauthorized"), NotSignedIn, "does not know this token", id="401"),
        pytest.param(_said(403, "Forbidden"), NotSignedIn, "does not know this token", id="403 without words"),
        pytest.param(_said(403, "Not you."), NotAllowed, "Not you.", id="403 with words"),
        pytest.param(_said(405, None), UnexpectedAnswer, "status 405", id="another version of the hub"),
        pytest.param(_answers(404, json="no"), UnexpectedAnswer, "status 404", id="JSON that is a word"),
        pytest.param(_said(404, None), NotFound, "knows nothing", id="404 without anything"),
        pytest.param(_said(404, "Not Found"), NotFound, "knows nothing", id="404 without words"),
        pytest.param(_said(409, "Taken."), Refused, "Taken.", id="409"),
        pytest.param(_said(500, "Internal Server Error"), HubFault, "error of its own", id="500 without words"),
        pytest.param(_said(500, "Oh no"), HubFault, "Oh no", id="500 with words"),
        pytest.param(_said(429, "Too many."), Busy, "Too many.", id="429"),
        pytest.param(_answers(599, json={"message": "?"}), UnexpectedAnswer, "status 599", id="no known status"),
    ],
)
async def test_whatever_answers_becomes_one_of_our_errors(handler: Handler, error: type[Exception], text: str) -> None:
    async with client_answered_by(handler) as studiolo:
        with pytest.raises(error, match=text):
            await studiolo.whoami()


async def test_a_fault_without_words_stays_a_fault_when_starting() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(500, json={"status": 500, "message": "Internal Server Error"})

    async with client_answered_by(handler) as studiolo:
        with pytest.raises(HubFault):
            await studiolo.start_workspace(user="alice")


@pytest.mark.parametrize(("retry_after", "hint"), [("40", "in 40 s"), ("soon", "in a minute"), (None, "in a minute")])
async def test_a_busy_hub_says_when_to_come_back(retry_after: str | None, hint: str) -> None:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    async with client_answered_by(_said(429, "Too many people.", **headers)) as studiolo:
        with pytest.raises(Busy) as caught:
            await studiolo.start_workspace(user="alice")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("handler", "error"),
    [
        (_answers(200, html="<html>"), UnexpectedAnswer),
        (_said(404, "Not Found"), NotFound),
        (_raises(httpx.ReadTimeout("silence")), HubAway),
    ],
)
async def test_a_progress_stream_that_is_none_becomes_one_of_our_errors(
    handler: Handler, error: type[Exception]
) -> None:
    async with client_answered_by(handler) as studiolo:
        with pytest.raises(error):
            await anext(studiolo.follow_start(user="alice"))


async def test_a_log_that_is_a_page_is_an_unexpected_answer() -> None:
    async with client_answered_by(_answers(200, html="<html>")) as studiolo:
        with pytest.raises(UnexpectedAnswer, match="text/html instead of text"):
            await studiolo.workspace_log(user="alice")


async def test_events_may_come_in_any_pieces_and_with_either_line_end() -> None:
    text = b': hello\r\nevent: x\r\ndata: {"progress": 1,\r\ndata: "message": "a"}\r\n\r\n\n\ndata:{"ready": true}\n\n'

    class InPieces(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for index in range(len(text)):
                yield text[index : index + 1]

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=InPieces())

    async with client_answered_by(handler) as studiolo:
        events = [event async for event in studiolo.follow_start(user="alice")]
    assert [(event.progress, event.message, event.ready) for event in events] == [(1, "a", False), (0, "", True)]


async def test_names_are_one_part_of_the_path_whatever_they_hold() -> None:
    fake = FakeHub()
    async with client_of(fake, "admin") as studiolo:
        await studiolo.create_user("a/b@x.org ü")
        assert fake.requests[-1].url.raw_path == b"/hub/api/users/a%2Fb%40x.org%20%C3%BC"
        assert "a/b@x.org ü" in fake.users
        for name in ("", ".", ".."):
            with pytest.raises(Refused, match="is not a name"):
                await studiolo.create_user(name)


async def test_the_token_is_sent_to_the_hub_and_never_follows_a_redirect() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.url.host} {request.headers['authorization']}")
        return httpx.Response(302, headers={"location": "https://elsewhere.example/"})

    async with client_answered_by(handler) as studiolo:
        with pytest.raises(UnexpectedAnswer):
            await studiolo.whoami()
    assert seen == ["127.0.0.1 token token"]


@pytest.mark.parametrize("token", ["two words", "ümlaut", "line\nend", "\x00"])
def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    with pytest.raises(NotSignedIn, match="characters that no token has"):
        Studiolo(URL, token)


async def test_the_end_of_a_line_after_a_token_does_not_matter() -> None:
    async with Studiolo(URL, "token-alice\n", transport=FakeHub().transport) as studiolo:
        assert (await studiolo.whoami()).name == "alice"


def test_what_starts_is_json_and_nothing_else_is_sent() -> None:
    fake = FakeHub()

    async def start() -> None:
        async with client_of(fake) as studiolo:
            await studiolo.start_workspace("iris", {"hardware": "medium"}, title="Iris")

    asyncio.run(start())
    sent = next(json.loads(request.content) for request in fake.requests if request.method == "POST")
    assert sent == {"user_options": {"hardware": "medium"}, "display_name": "Iris"}
