"""Echo server: at most N messages of a client before it looks at the others. ``python message_budget.py N PORT``.

With N = 0 it reads until the client has sent nothing more, as a loop with eager reads does. Each message costs 0.1 ms
of CPU time, so that a client with many requests in flight always has another one in the server's buffer.
"""

import select
import socket
import sys
import time
from contextlib import suppress

HOST = "127.0.0.1"
BACKLOG = 1024
MESSAGE_BYTES = 64
WORK_S = 0.0001


def main() -> None:
    """Serve until killed. Print a line once clients can connect."""
    budget, port = (int(word) for word in sys.argv[1:])
    listener = socket.create_server((HOST, port), backlog=BACKLOG)
    listener.setblocking(False)
    print("ready", flush=True)  # noqa: T201 - the ready line
    serve(listener, budget)


def serve(listener: socket.socket, budget: int) -> None:
    """Answer the clients in turn."""
    clients: dict[int, socket.socket] = {}
    with select.epoll() as poller:
        poller.register(listener, select.EPOLLIN)
        while True:
            for fd, _ in poller.poll():
                if fd == listener.fileno():
                    with suppress(BlockingIOError):
                        client = listener.accept()[0]
                        client.setblocking(False)
                        clients[client.fileno()] = client
                        poller.register(client, select.EPOLLIN)
                elif not answer(clients[fd], budget):
                    clients.pop(fd).close()  # which removes it from the poller


def answer(client: socket.socket, budget: int) -> bool:
    """Answer up to ``budget`` messages, or all. Return False once the client has left."""
    answered = 0
    with suppress(BlockingIOError):
        while not budget or answered < budget:
            try:
                message = client.recv(MESSAGE_BYTES)
                if not message:
                    return False
                work()
                client.send(message)
            except ConnectionError:
                return False
            answered += 1
    return True


def work() -> None:
    """Use CPU time."""
    end_s = time.perf_counter() + WORK_S
    while time.perf_counter() < end_s:
        pass


if __name__ == "__main__":
    main()
