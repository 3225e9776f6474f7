"""Checks of a running server against the operating system."""

import subprocess
import sys
from pathlib import Path

from tests.support.servers import Server
from tests.support.sockets import assert_serves

READY_KEYS = ["ready", "pid", "host", "port", "model", "transport", "protocol", "workers", "python", "sockets"]
DEFAULT_BACKLOG = 1024


def check_fresh_server(server: Server) -> None:
    """Check the ready line, that the server serves, and that stderr is empty."""
    assert_serves(server)
    assert list(server.ready) == READY_KEYS
    assert server["ready"] is True
    assert server["pid"] == server.pid
    assert server["host"] == "127.0.0.1"
    assert server["port"] > 0
    assert server["python"] == f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}"
    assert (server["workers"] > 1) == server.model.parallel
    assert list(server["sockets"]) == ["backlog", "nodelay", "rcvbuf", "sndbuf"]
    if server["transport"] == "tcp":
        own_backlog = server.model.own_backlog
        assert server["sockets"]["nodelay"] == (1 if own_backlog is None else 0)
        expected = min(DEFAULT_BACKLOG, max_backlog()) if own_backlog is None else own_backlog
        assert server["sockets"]["backlog"] == listening_backlog(server) == expected
    assert server.stderr() == ""


def listening_backlog(server: Server) -> int:
    """Return the backlog that is in force: ss shows it as the Send-Q of a listener."""
    shown = subprocess.run(
        ["ss", "-Hltn", f"sport = :{server.address[1]}"], capture_output=True, text=True, check=True
    ).stdout.split()
    return int(shown[2])


def max_backlog() -> int:
    """Return the largest backlog that the kernel allows."""
    return int(Path("/proc/sys/net/core/somaxconn").read_text())
