"""The tests themselves: no way off this machine, and nothing of the outer environment."""

from __future__ import annotations

import os
import socket

import pytest


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_no_way_off_this_machine(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as out, pytest.raises(AssertionError, match=address):
        out.connect((address, 53))


def test_no_name_is_looked_up() -> None:
    with pytest.raises(AssertionError, match="example"):
        socket.getaddrinfo("example.com", 53)


def test_loopback_is_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_a_home_of_our_own() -> None:
    assert "onbook-tests-" in os.environ["HOME"]
    assert not {"GIT_DIR", "GIT_INDEX_FILE"} & os.environ.keys()
