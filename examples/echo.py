"""A plain echo server with a thread for each client, to measure beside the models.

    python examples/echo.py PORT [--two-parts] [--nodelay]

With --two-parts it sends each reply in two parts, as a server does that writes a header and then a body. With --nodelay
it sets TCP_NODELAY.
"""

import argparse
import contextlib
import socket
import threading

BACKLOG = 1024


def serve(client: socket.socket, *, two_parts: bool) -> None:
    """Send everything back that a client sends, until it disconnects."""
    with client, contextlib.suppress(ConnectionError):
        while request := client.recv(65536):
            half = len(request) // 2 if two_parts else 0
            client.sendall(request[:half])
            client.sendall(request[half:])


def main() -> None:
    """Accept clients until the process is ended."""
    parser = argparse.ArgumentParser(description="Echo server with a thread for each client.")
    parser.add_argument("port", type=int)
    parser.add_argument("--two-parts", action="store_true", help="send each reply in two parts")
    parser.add_argument("--nodelay", action="store_true", help="set TCP_NODELAY")
    options = parser.parse_args()
    with socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG) as listener:
        if options.nodelay:
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it on Linux
        while True:
            client, _ = listener.accept()
            threading.Thread(target=serve, args=(client,), kwargs={"two_parts": options.two_parts}, daemon=True).start()


if __name__ == "__main__":
    main()
