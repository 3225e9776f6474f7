"""A process for every client, made by fork when it connects and ended when it leaves.

The oldest way on Unix. Good: a client can neither block nor crash another, each conversation is written as if there
were no other, and every CPU is used. Bad: a fork takes some hundred times what a short request does, every client costs
a process, and clients share nothing. Over UDP there is no connection whose process it could be: it serves TCP alone.
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
REAP_S = 0.5  # how long an ended process may wait for its parent while nobody connects


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept, fork; take leave of those that have ended."""
    acceptor, parent = sockets.Acceptor(listener), os.getpid()
    refused = Tally("no process could be started: a connection was closed")
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
    """Answer one client, in a process of its own."""
    status = 1
    try:
        parent_death.die_with_parent(parent)
        serve_connection(conn, handler)
        status = 0
    finally:
        os._exit(status)  # without what the interpreter does at its end, which belongs to the parent


def _reap() -> int:
    """Wait for those that have ended, without waiting; return how many there were."""
    count = 0
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    except ChildProcessError:
        pass
    return count
