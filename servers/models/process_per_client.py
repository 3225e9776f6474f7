"""One process per client, forked on connect.

Represents: tuned: exited processes are collected in groups, and each process touches little of its parent's memory

This is the oldest way on Unix. Strengths: a client can neither block nor crash another, each conversation is written
as if it were the only one, and every CPU is used. Weaknesses: a fork costs about a hundred times as much as a short
request, every client needs a process, and clients share no state. TCP only: UDP has no connection to fork for.

Most of a fork's cost is memory: each page that the parent or the child writes to afterwards is copied first. Reading a
Python object writes to it, as its references are counted. So the code between two forks is short.
"""

from __future__ import annotations

import os
import select
import socket

from servers import sockets
from servers.log import Tally
from servers.models.iterative import serve_connection
from servers.parent_death import prepare_forks
from servers.work.blocking import serve_work
from servers.work.protocol import RequestStream, make_frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from servers.protocols import NewStreamHandler

FORKS = True
REAP_S = 0.5  # how often exited processes are collected while no client connects
REAP_CHILDREN = 16  # how many clients are accepted between two collections

WARM_UP_REQUESTS = (b"hola", b"adios")
WARM_UP_CONVERSATIONS = 32  # CPython 3.11 specialises code that ran 8 times, and later versions need a few more


def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Accept clients, fork for each, and collect the processes that have exited."""
    _fork_for_clients(listener, serve_connection, new_handler, WARM_UP_REQUESTS)


def serve_work_tcp(listener: socket.socket) -> None:
    """Fork for each client; its process sleeps while a request waits."""
    _fork_for_clients(listener, serve_work, RequestStream, (make_frame(), make_frame()))


def _fork_for_clients(
    listener: socket.socket,
    serve: Callable[[socket.socket, Any], None],
    new_conversation: Callable[[], object],
    warm_up_requests: Iterable[bytes],
) -> None:
    acceptor, die_with_server = sockets.Acceptor(listener), prepare_forks()
    fork, exit_process = os.fork, os._exit
    refused = Tally("a connection was closed because no process could be started")
    children, reap_at = 0, REAP_CHILDREN
    _warm_up(serve, new_conversation, warm_up_requests)
    while True:
        while children and not select.select((listener,), (), (), REAP_S)[0]:
            children -= _reap()
        conn = acceptor.accept_blocking()
        if children >= reap_at:
            children -= _reap()
            reap_at = children + REAP_CHILDREN
        try:
            child = fork()
        except OSError:
            conn.close()
            refused.add()
            continue
        if child == 0:
            try:
                die_with_server()
                listener.close()
                serve(conn, new_conversation())
                exit_process(0)  # skip the interpreter's shutdown, whose work belongs to the parent
            finally:
                exit_process(1)
        children += 1
        conn.close()


def _warm_up(
    serve: Callable[[socket.socket, Any], None], new_conversation: Callable[[], object], requests: Iterable[bytes]
) -> None:
    """Hold the conversation that each process will have, before the first fork.

    The interpreter and the C library fill caches when code runs for the first times. Without this, each process would
    fill its own copies, which are lost when it exits.
    """
    for _ in range(WARM_UP_CONVERSATIONS):
        client, conn = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # keeps the requests apart
        with client:
            for request in requests:
                client.send(request)
            client.shutdown(socket.SHUT_WR)
            serve(conn, new_conversation())


def _reap() -> int:
    """Collect processes that have exited, without blocking. Returns their number."""
    count = 0
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            count += 1
    except ChildProcessError:
        pass
    return count
