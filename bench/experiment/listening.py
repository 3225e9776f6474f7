"""Check that a server's own processes listen on its port.

Another program may listen there instead, e.g. where the server ignores its port and another arm's server got it. The
load would then measure that program.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.machine.socket_table import BoundSocket, bound_sockets, owner_of, socket_inodes

LOOPBACK = "127.0.0.1"
_EVERY_ADDRESS = ("0.0.0.0", "::")
_ANY_LOOPBACK = "localhost"  # the protocol check finds the server on 127.0.0.1 or ::1


@dataclass(frozen=True, slots=True)
class Listening:
    """The result of a look at the sockets of a server."""

    host: str = ""  # the address at which it can be reached; empty if it is not up
    problem: str = ""  # why it is not up: the end of a sentence that starts with "server"


def find_listening(transport: str, port: int, pids: Iterable[int], address: str = LOOPBACK) -> Listening:
    """Look whether a server is up. pids: its processes. address: at which clients reach it."""
    sockets = bound_sockets(transport)
    inodes, complete = socket_inodes(pids)
    own = [sock for sock in sockets if sock.inode in inodes]
    on_port = [sock for sock in sockets if sock.port == port and sock.host in (address, *_EVERY_ADDRESS)]
    foreign = next((sock for sock in on_port if sock.inode not in inodes), None)
    if foreign is not None and not complete:
        return Listening(address)  # some descriptors are hidden, so this one may well be its own
    if foreign is not None:
        owner = owner_of(foreign.inode) or "another program"
        return Listening(problem=f"does not have port {port} to itself: {owner} listens there; it was not up")
    return judge_listening(own, port, address)


def judge_listening(own: Iterable[BoundSocket], port: int, address: str = LOOPBACK) -> Listening:
    """Return whether a server is up. own: the sockets on which its processes wait for clients."""
    hosts = [sock.host for sock in own if sock.port == port]
    if any(host in (address, "0.0.0.0") for host in hosts):
        return Listening(address)
    if "::" in hosts:  # clients of IPv4 are served too, unless the socket has IPV6_V6ONLY
        return Listening(_ANY_LOOPBACK if address == LOOPBACK else address)
    if hosts and address != LOOPBACK:
        return Listening(
            problem=f"listens on {hosts[0]}, which other machines cannot reach, instead of {{host}} = {address}; "
            "it was not up"
        )
    if hosts:
        return Listening(hosts[0])
    ports = sorted({sock.port for sock in own})
    if ports:
        return Listening(problem=f"listens on {', '.join(map(str, ports))} instead of {{port}} = {port}; it was not up")
    return Listening()
