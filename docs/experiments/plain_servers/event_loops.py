"""Plain servers on event loops: ``python event_loops.py NAME TRANSPORT PROTOCOL PORT``.

Each one is what the documentation of Python or of the library leads to, without a line for speed and without care for
clients that misbehave. It answers one request for each read, as the load of this experiment sends them. Modules that
only some need are imported by these.
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import TYPE_CHECKING, Any

from conversation import ADIOS, BACKLOG, HOST, READ_BYTES, bind_udp, converse, listen, run

if TYPE_CHECKING:
    from conversation import Answer


class _Client(asyncio.Protocol):
    """One connection, as in the echo server of asyncio's documentation."""

    transport: asyncio.Transport

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # a connection's transport is a Transport

    def data_received(self, data: bytes) -> None:
        reply = self.answer(data)
        self.transport.write(reply)
        if reply == ADIOS:
            self.transport.close()


class _Peers(asyncio.DatagramProtocol):
    """All peers, as in the UDP echo server of asyncio's documentation."""

    transport: asyncio.DatagramTransport

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # it has the same methods, but is not a subclass

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(self.answer(data), addr)


async def _run_asyncio_tcp(port: int, answer: Answer) -> None:
    """Serve with the running loop's server."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Client(answer), sock=listen(port), backlog=BACKLOG)
    await server.serve_forever()


async def _run_asyncio_udp(port: int, answer: Answer) -> None:
    """Serve with a datagram endpoint of the running loop."""
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Peers(answer), sock=bind_udp(port))
    await loop.create_future()


def _asyncio_tcp(port: int, answer: Answer) -> None:
    asyncio.run(_run_asyncio_tcp(port, answer))


def _asyncio_udp(port: int, answer: Answer) -> None:
    asyncio.run(_run_asyncio_udp(port, answer))


def _uvloop_tcp(port: int, answer: Answer) -> None:
    import uvloop

    uvloop.run(_run_asyncio_tcp(port, answer))


def _uvloop_udp(port: int, answer: Answer) -> None:
    import uvloop

    uvloop.run(_run_asyncio_udp(port, answer))


def _asyncio_streams_tcp(port: int, answer: Answer) -> None:
    async def serve_client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.read(READ_BYTES):
                reply = answer(request)
                writer.write(reply)
                await writer.drain()
                if reply == ADIOS:
                    break
        except OSError:
            pass
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve_client, sock=listen(port), backlog=BACKLOG)
        await server.serve_forever()

    asyncio.run(run())


def _asyncio_sockets_tcp(port: int, answer: Answer) -> None:
    async def serve_client(conn: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        with conn:
            try:
                while request := await loop.sock_recv(conn, READ_BYTES):
                    reply = answer(request)
                    await loop.sock_sendall(conn, reply)
                    if reply == ADIOS:
                        break
            except OSError:
                pass

    async def run() -> None:
        loop, listener, tasks = asyncio.get_running_loop(), listen(port), set()
        listener.setblocking(False)
        while True:
            conn, _ = await loop.sock_accept(listener)
            task = loop.create_task(serve_client(conn))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    asyncio.run(run())


def _gevent_tcp(port: int, answer: Answer) -> None:
    from gevent.server import StreamServer

    def serve_client(conn: Any, _: object) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        converse(conn, answer)

    StreamServer((HOST, port), serve_client, backlog=BACKLOG).serve_forever()


def _trio_tcp(port: int, answer: Answer) -> None:
    import trio

    async def serve_client(conn: trio.socket.SocketType) -> None:
        with conn:
            try:
                while request := await conn.recv(READ_BYTES):
                    reply = answer(request)
                    await conn.send(reply)
                    if reply == ADIOS:
                        break
            except OSError:
                pass

    async def run() -> None:
        listener = trio.socket.from_stdlib_socket(listen(port))
        async with trio.open_nursery() as nursery:
            while True:
                conn, _ = await listener.accept()
                nursery.start_soon(serve_client, conn)

    trio.run(run)


def _trio_streams_tcp(port: int, answer: Answer) -> None:
    import trio

    async def serve_client(stream: trio.SocketStream) -> None:
        try:
            async for request in stream:
                reply = answer(request)
                await stream.send_all(reply)
                if reply == ADIOS:
                    break
        except trio.BrokenResourceError:
            pass

    trio.run(functools.partial(trio.serve_tcp, serve_client, port, host=HOST, backlog=BACKLOG))


def _anyio_tcp(port: int, answer: Answer) -> None:
    import anyio

    async def serve_client(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            try:
                async for request in stream:
                    reply = answer(request)
                    await stream.send(reply)
                    if reply == ADIOS:
                        break
            except anyio.BrokenResourceError:
                pass

    async def run() -> None:
        listener = await anyio.create_tcp_listener(local_host=HOST, local_port=port, backlog=BACKLOG)
        await listener.serve(serve_client)

    anyio.run(run)


def _twisted_tcp(port: int, answer: Answer) -> None:
    from twisted.internet import reactor
    from twisted.internet.protocol import Factory, Protocol

    class Conversation(Protocol):  # type: ignore[misc]  # Any, because mypy skips the library
        def dataReceived(self, data: bytes) -> None:  # noqa: N802 - Twisted's name
            reply = answer(data)
            self.transport.write(reply)
            if reply == ADIOS:
                self.transport.loseConnection()

    reactor.listenTCP(port, Factory.forProtocol(Conversation), backlog=BACKLOG, interface=HOST)
    reactor.run()


if __name__ == "__main__":
    run(globals())
