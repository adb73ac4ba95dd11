"""Requests as they come over a wire: in pieces, one after the other, and as somebody sends them who means harm."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studiolo_runner.serving.http import BadRequest, Parser, Request


def parse(data: bytes, *, pieces: int | None = None, largest_body: int = 1000) -> list[Request]:
    parser = Parser(largest_body=largest_body)
    found: list[Request] = []
    step = pieces or len(data) or 1
    for start in range(0, len(data), step):
        parser.feed(data[start : start + step])
        while (request := parser.next()) is not None:
            found.append(request)
    return found


PLAIN = b"POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\nabcd"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;q=1\r\nde\r\n0\r\nT: x\r\n\r\n"
)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_requests_are_whole_in_whatever_pieces_they_come(size: int) -> None:
    found = parse(PLAIN + CHUNKED + PLAIN, pieces=size)
    assert [(one.method, one.path, one.body) for one in found] == [
        ("POST", "/a b", b"abcd"),
        ("POST", "/", b"abcde"),
        ("POST", "/a b", b"abcd"),
    ]
    assert found[0].headers["content-type"] == "application/json"


def test_connections_are_kept_as_the_version_and_the_header_say() -> None:
    keeps = [
        parse(line + b"\r\nHost: x\r\n" + header + b"\r\n")[0].keeps_alive
        for line in (b"GET / HTTP/1.1", b"GET / HTTP/1.0")
        for header in (b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n")
    ]
    assert keeps == [True, False, True, False, False, True]


REFUSED: dict[str, bytes] = {
    "no request": b"hello\r\n\r\n",
    "an old version": b"GET / HTTP/0.9\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
    "a signed length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
    "another coding": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "chunks in 1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a chunk without a length": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a negative chunk": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk that is longer": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    "a header that is folded": b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "a bare line feed": b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"y" * 40_000,
    "a body that is too large": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n",
    "chunks that are too large": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3E9\r\n",
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_could_be_read_in_two_ways_is_refused(case: str) -> None:
    with pytest.raises(BadRequest):
        parse(REFUSED[case])


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(st.sampled_from([*sorted(REFUSED.values()), PLAIN, CHUNKED]), max_size=3).map(b"".join)
)
def test_no_bytes_raise_anything_but_a_refusal(data: bytes) -> None:
    for size in (1, 1000):
        with contextlib.suppress(BadRequest):
            parse(data, pieces=size)
