"""One thread, all connections: selectors. Replace this line in model_template.

Represents: tuned: what a server from the documentation would not do, in a few words

The first line is the help text in ``holabench models``, which also shows what the model represents: ``as the
documentation teaches``, ``the standard library's defaults``, ``tuned: `` and how, or ``a common mistake: `` and which.
Describe here how the model serves
its clients, what it is good at, and what it is bad at.

This file is a complete model: it waits with ``selectors`` for sockets that can be read or written, and serves them at
once. Replace what your model does differently, and keep the rules that make it comparable:

- Use the socket that you are given. ``servers.sockets`` created it with the same options for every model.
- Create one handler per TCP connection with ``new_handler()``, and one for all UDP peers. Feed it what arrives and send
  what it returns. Once a TCP handler is ``done``, close its connection after everything is sent.
- In the protocol ``work``, each request waits and computes before its reply. Wait as a user of this way to serve would,
  and compute in the same place. The modules of ``servers.work`` contain the rest.
- Log nothing while requests are served, except rare events by ``servers.log.Tally``. Install no signal handlers.

Constants declare what the benchmark has to know. They are read from the source, so their values must be literals:

- ``MAX_TCP_WAITS = 1``, ``MAX_UDP_WAITS = 1``: number of requests of ``work`` that one process lets wait at a time.
- ``MAX_TCP_CLIENTS = 64``: number of TCP clients that one process can serve at the same time.
- ``PARALLEL = True``: starts ``servers.runtime.workers`` processes by ``servers.worker_pool.supervise_workers``.
- ``REUSEPORT = True``: these have their own sockets, made by ``servers.sockets.clone_reuseport``.
- ``FORKS = True``: starts a process for each client, which calls what ``parent_death.prepare_forks`` returned.
- ``NEEDS = "uvloop"``: the library that the model is about. The model is skipped where it is not installed.

A function ``prepare()`` does slow start-up work; it is called before the server reports that it is ready.

To verify the model: ``HOLABENCH_MODELS=FOLDER pytest tests/conformance -k model_template``.
"""

from __future__ import annotations

import selectors

from servers.connection_set import ConnectionSet
from servers.datagrams import drain
from servers.work.connection_set import WorkConnections
from servers.work.datagrams import WorkDatagrams

TYPE_CHECKING = False  # importing typing would cost every server 4 ms and 1 MB
if TYPE_CHECKING:
    import socket

    from servers.protocols import NewDatagramHandler, NewStreamHandler


# Remove the functions of a transport that the model does not serve, and those with _work_ if it does not serve work.
# None of them returns.
def serve_tcp(listener: socket.socket, new_handler: NewStreamHandler) -> None:
    """Wait for connections that can be read or written, and serve them at once.

    Alternatives to this loop:

    - Blocking code, with a thread or a process per client: accept by ``servers.sockets.Acceptor.accept_blocking``, and
      serve a client by ``servers.models.iterative.serve_connection``. See the thread_per_client model.
    - Coroutines or callbacks of a library: use the library's own server, as its documentation does. See the trio model
      for coroutines and the asyncio model for callbacks.
    - Several processes: ``servers.worker_pool.supervise_workers`` runs any of these loops in each worker. See the
      prefork_asyncio model.
    """
    with selectors.DefaultSelector() as selector:
        connections = SelectorConnections(listener, new_handler, selector)
        connections.resume_accepting()
        while True:
            # After an accept failed because descriptors ran out, wake up in time to try again.
            timeout_s = connections.retry_accepting() if connections.acceptor.out_of_fds else None
            for key, events in selector.select(timeout_s):
                if key.fd == connections.listener_fd:
                    connections.accept_one()
                elif events & selectors.EVENT_READ:
                    connections.answer(key.fd)
                else:
                    connections.flush(key.fd)


class SelectorConnections(ConnectionSet):
    """The connections, watched by a selector.

    ``ConnectionSet`` is for one thread that waits for many connections. It accepts, reads, replies, keeps the unsent
    rest of a reply and closes. A model adds how the kernel is asked, in the three methods below.
    """

    def __init__(
        self, listener: socket.socket, new_handler: NewStreamHandler, selector: selectors.BaseSelector
    ) -> None:
        super().__init__(listener, new_handler)
        self.selector = selector

    def watch_readable(self, fd: int) -> None:
        """Watch a descriptor for input. It is registered already if it waited for output."""
        if fd in self.flushing:
            self.selector.modify(fd, selectors.EVENT_READ)
        else:
            self.selector.register(fd, selectors.EVENT_READ)

    def watch_writable(self, fd: int) -> None:
        """Watch a connection for output instead of input.

        The client does not read its replies as fast as it sends requests.
        """
        self.selector.modify(fd, selectors.EVENT_WRITE)

    def unregister(self, fd: int) -> None:
        """Stop watching a descriptor."""
        self.selector.unregister(fd)


def serve_udp(sock: socket.socket, new_handler: NewDatagramHandler) -> None:
    """Wait for datagrams and answer all that have arrived.

    ``drain`` is for a non-blocking socket: it answers until no datagram is left. A blocking loop needs no selector; see
    ``servers.models.iterative.serve_udp``.
    """
    sock.setblocking(False)
    feed = new_handler().feed  # returns None where a datagram gets no reply
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while True:
            selector.select()
            drain(sock, feed)


def serve_work_tcp(listener: socket.socket) -> None:
    """Wait for connections that can be read or written, or for the next timer.

    Alternatives to this loop: ``servers.work.blocking.serve_work`` for a thread or a process per client,
    ``servers.work.coroutines.converse`` for coroutines, ``servers.work.asyncio_protocols`` for asyncio's protocols.
    """
    with selectors.DefaultSelector() as selector:
        connections = SelectorWorkConnections(listener, selector)
        connections.resume_accepting()
        while True:
            ready = selector.select(connections.timeout_s())
            connections.serve_ready([key.fd for key, _ in ready])
            connections.serve_due()


class SelectorWorkConnections(WorkConnections, SelectorConnections):
    """The connections, for requests that wait: with timers, and with one request of a connection in progress."""


def serve_work_udp(sock: socket.socket) -> None:
    """Wait for datagrams or for the next timer."""
    datagrams = WorkDatagrams(sock)
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while True:
            if selector.select(datagrams.timers.timeout_s()):
                datagrams.receive()
            datagrams.serve_due()
