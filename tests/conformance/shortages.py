"""Behaviour of libraries that accept clients by themselves when the process runs out of descriptors.

Models that accept by ``servers.sockets.Acceptor`` are not listed: they report it once, and the clients wait.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shortage:
    """The behaviour of one library.

    report: part of what the library logs; "" if it logs nothing.

    keeps_clients: whether clients that cannot be accepted wait in the backlog. Otherwise the library closes their
    connections.
    """

    report: str
    keeps_clients: bool = True


# asyncio logs a traceback for each of up to ``backlog`` attempts, and tries again after a second.
ASYNCIO = Shortage("socket.accept() out of system resource")
# socketserver ignores the error and tries again at once, so it also uses a whole CPU.
SOCKETSERVER = Shortage("")

LIBRARY_SHORTAGES = {
    "asyncio": ASYNCIO,
    "asyncio_buffered": ASYNCIO,
    "asyncio_streams": ASYNCIO,
    "prefork_asyncio": ASYNCIO,
    "gevent": Shortage("Too many open files"),  # a traceback for each attempt, after growing pauses of up to a second
    "socketserver_threading": SOCKETSERVER,
    "trio_streams": Shortage("accept returned EMFILE"),  # a traceback for each attempt, every 0.1 s
    # libuv and Twisted keep a descriptor in reserve, with which they accept waiting clients and close them at once.
    "twisted": Shortage("", keeps_clients=False),
    "uvloop": Shortage("", keeps_clients=False),
}
