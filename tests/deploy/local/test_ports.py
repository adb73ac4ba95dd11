"""Which addresses only this machine reaches, and which ports are free."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from deploy.local.ports import free_port, is_loopback, next_free_port, why_not_free


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_these_addresses_are_reached_by_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", "", "localhost.example.org"])
def test_these_are_not(host: str) -> None:
    assert not is_loopback(host)


@pytest.fixture
def taken() -> int:
    listener = socket.create_server(("127.0.0.1", 0))
    with closing(listener):
        yield listener.getsockname()[1]


def test_a_port_in_use_is_said_to_be_so_and_another_is_found(taken: int) -> None:
    assert why_not_free("127.0.0.1", taken) == "another program uses it"
    found = next_free_port("127.0.0.1", taken)
    assert found is not None
    assert found > taken
    assert why_not_free("127.0.0.1", found) is None


def test_an_address_of_another_machine_is_said_to_be_so() -> None:
    assert why_not_free("192.0.2.1", free_port()) == "this machine does not have that address"


def test_a_host_that_is_no_address_is_said_to_be_so() -> None:
    assert why_not_free("no such host", 1) == "this machine does not know that address"


def test_the_wanted_port_is_given_when_it_is_free(taken: int) -> None:
    wanted = free_port()
    assert free_port(taken, wanted) == wanted
    assert free_port(None, wanted, taken=frozenset({wanted})) != wanted


def test_there_is_no_port_above_the_highest() -> None:
    assert next_free_port("127.0.0.1", 65535) is None
