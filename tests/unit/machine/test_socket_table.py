"""The kernel's table of sockets, compared with sockets of this process."""

import os
import socket

import pytest

from bench.machine.socket_table import bound_sockets, owner_of, socket_inodes

FAMILIES = {"127.0.0.1": socket.AF_INET, "0.0.0.0": socket.AF_INET, "::1": socket.AF_INET6, "::": socket.AF_INET6}
KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@pytest.mark.parametrize("host", FAMILIES)
@pytest.mark.parametrize("transport", KINDS)
def test_bound_socket_has_host_port_and_owner(transport: str, host: str) -> None:
    with socket.socket(FAMILIES[host], KINDS[transport]) as sock:
        sock.bind((host, 0))
        if transport == "tcp":
            sock.listen()
        inode = os.fstat(sock.fileno()).st_ino
        found = [bound for bound in bound_sockets(transport) if bound.inode == inode]
        assert [(bound.host, bound.port) for bound in found] == [(host, sock.getsockname()[1])]
        inodes, complete = socket_inodes([os.getpid()])
        assert inode in inodes
        assert complete
        assert owner_of(inode).endswith(f"(pid {os.getpid()})")


def test_connected_sockets_do_not_wait_for_clients() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        inodes = {bound.inode for bound in bound_sockets("tcp")}
        assert os.fstat(client.fileno()).st_ino not in inodes


def test_ended_process_has_no_sockets() -> None:
    assert socket_inodes([2**22 + 1]) == (set(), True)
