"""The kernel's socket diagnostics: recorded messages, and real connections."""

import contextlib
import errno
import socket
import struct

import pytest

from bench.machine.socket_buffers import buffers_of, dump_request, server_sockets, split_messages

HOST = "127.0.0.1"
# A message of Linux 6.18 about an accepted connection from port 56876 to port 38299 with 100,000 unread bytes, from the
# family to SK_MEMINFO. The received data take 102,496 bytes, and 4,000 are in reserve.
RECORDED = bytes.fromhex(
    "02010000959bde2c7f0000010000000000000000000000007f00000100000000000000000000000000000000480000000000"
    "000000000000a08601000000000000000000c1820b00050008000000000008000f00000000000c0015000100000000000000"
    "060016005200000028000700609001000000020000000000001e3c00a00f000000000000000000000000000001000000"
)


def connect(stack: contextlib.ExitStack, listener: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = stack.enter_context(socket.create_connection(listener.getsockname()))
    return client, stack.enter_context(listener.accept()[0])


def test_recorded_message_has_its_port_and_its_buffers() -> None:
    assert buffers_of(RECORDED, 38299) == 102_496 + 4000
    assert buffers_of(RECORDED, 38300) is None


def test_message_without_memory_is_an_error() -> None:
    with pytest.raises(OSError, match="SK_MEMINFO"):
        buffers_of(RECORDED[:72], 38299)


def test_messages_are_split_at_their_padded_lengths() -> None:
    data = struct.pack("=IHHII", 17, 20, 2, 0, 0) + b"a\0\0\0" + struct.pack("=IHHII", 20, 3, 2, 0, 0) + bytes(4)
    assert list(split_messages(data)) == [(20, b"a"), (3, bytes(4))]
    with pytest.raises(OSError, match="length"):
        list(split_messages(bytes(16)))


def test_request_asks_for_the_memory_of_tcp_sockets_with_a_peer() -> None:
    request = dump_request(socket.AF_INET)
    assert struct.unpack_from("=IHH", request) == (len(request), 20, 0x301)
    family, protocol, extensions, _, states = struct.unpack_from("=BBBBI", request, 16)
    assert (family, protocol, extensions) == (socket.AF_INET, socket.IPPROTO_TCP, 1 << 6)
    assert states & 1 << 1
    assert not states & (1 << 6 | 1 << 10)  # TIME_WAIT, LISTEN


def test_ends_of_the_server_are_counted_with_what_waits_in_them() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((HOST, 0)))
        port = listener.getsockname()[1]
        idle = server_sockets(port)
        if idle is None:
            pytest.skip("this kernel does not offer socket diagnostics")
        assert idle.count == 0
        pairs = [connect(stack, listener) for _ in range(3)]
        client, server = pairs[0]
        client.sendall(bytes(50_000))
        while len(server.recv(1 << 20, socket.MSG_PEEK)) < 50_000:
            pass
        found = server_sockets(port)
        assert found is not None
        assert found.count == 3
        assert found.buffer_bytes >= 50_000
        of_client = server_sockets(client.getsockname()[1])
        assert of_client is not None
        assert of_client.count == 1


def test_kernel_that_refuses_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = struct.pack("=IHHIIi", 20, 2, 0, 0, 0, -errno.ENOENT)

    class Refusing(socket.socket):
        def recv(self, *_: object) -> bytes:
            return refused

    monkeypatch.setattr(socket, "socket", Refusing)
    assert server_sockets(80) is None
