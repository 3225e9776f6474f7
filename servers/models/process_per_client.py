"""One process per client, forked on connect.

This is the oldest way on Unix. Strengths: a client can neither block nor crash another, each conversation is written
as if it were the only one, and every CPU is used. Weaknesses: a fork costs about a hundred times as much as a short
request, every client needs a process, and clients share no state. TCP only: UDP has no connection to fork for.
"""

from __future__ import annotations

import os
import select

from servers import parent_death, sockets
from servers.log import Tally
from servers.models.iterative import serve_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from typing import NoReturn

    from servers.protocols import NewStreamHandler, StreamHandler

FORKS = True
REAP_S = 0.5  # how often exited processes are collected while no client connects


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept clients, fork for each, and collect the processes that have exited."""
    acceptor, parent = sockets.Acceptor(listener), os.getpid()
    refused = Tally("a connection was closed because no process could be started")
    children = 0
    while True:
        while children and not select.select((listener,), (), (), REAP_S)[0]:
            children -= _reap()
        conn = acceptor.accept_blocking()
        children -= _reap()
        try:
            child = os.fork()
        except OSError:
            conn.close()
            refused.add()
            continue
        if child == 0:
            listener.close()
            _serve_client(conn, new_handler(), parent)
        children += 1
        conn.close()


def _serve_client(conn: socket.socket, handler: StreamHandler, parent: int) -> NoReturn:
    """Serve one client in the forked process, which then exits."""
    status = 1
    try:
        parent_death.die_with_parent(parent)
        serve_connection(conn, handler)
        status = 0
    finally:
        os._exit(status)  # skip the interpreter's shutdown, whose work belongs to the parent


def _reap() -> int:
    """Collect processes that have exited, without blocking. Returns their number."""
    count = 0
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    except ChildProcessError:
        pass
    return count
