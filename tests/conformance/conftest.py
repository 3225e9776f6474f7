"""Servers that the tests of a module share: a start is slower than most tests."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Server, SharedServer, make_command
from tests.support.sockets import close_open_sockets


@pytest.fixture(scope="module")
def shared_server(request: pytest.FixtureRequest) -> Iterator[SharedServer]:
    """The server of one case. Tests choose it with ``cases.by_shared_server``."""
    with SharedServer(make_command(*request.param)) as shared:
        yield shared


@pytest.fixture
def server(shared_server: SharedServer) -> Server:
    """The running shared server."""
    return shared_server.get()


@pytest.fixture(autouse=True)
def _closed_sockets() -> Iterator[None]:
    yield
    close_open_sockets()
