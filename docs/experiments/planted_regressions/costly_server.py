"""A server whose CPU time per request is set on the command line.

    python costly_server.py PORT PROTOCOL [echo=UNITS] [hola=UNITS]

PROTOCOL is echo or hola. Before each reply, the server runs an empty loop of as many iterations as UNITS of its
protocol, or none without this argument.
"""

import asyncio
import sys

HOST = "127.0.0.1"
BACKLOG = 1024
ADIOS = b"pues adios"
REPLIES = {b"hola": b"pues hola", b"adios": ADIOS}


def burn(units: int) -> None:
    """Use CPU time. A unit of it is an iteration, so a slower machine has no less to do."""
    for _ in range(units):
        pass


class Connection(asyncio.Protocol):
    """One connection. A read contains one request, as the closed loop of ``quick`` sends them."""

    transport: asyncio.Transport

    def __init__(self, protocol: str, units: int) -> None:
        """protocol: echo or hola. units: iterations before each reply."""
        self.is_echo = protocol == "echo"
        self.units = units

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the replies."""
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def data_received(self, data: bytes) -> None:
        """Reply after the CPU time was used."""
        burn(self.units)
        reply = data if self.is_echo else REPLIES.get(data, b"no entiendo")
        self.transport.write(reply)
        if reply == ADIOS:
            self.transport.close()


async def serve(port: int, protocol: str, units: int) -> None:
    """Serve until the process is ended."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(protocol, units), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


def main() -> None:
    """Serve as the command line asks for."""
    port, protocol, *settings = sys.argv[1:]
    units = dict(setting.split("=") for setting in settings)
    asyncio.run(serve(int(port), protocol, int(units.get(protocol, 0))))


if __name__ == "__main__":
    main()
