"""Find the address of each running server of a plan before anything is measured."""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence

import msgspec

from bench.plan.definition import Plan, PlanError
from bench.plan.external_server import ExternalServer, is_address
from clients import addresses
from clients.kernel_counters import has_listener

_CONNECT_S = 5.0  # for a server on another machine
_REFUSAL_S = 0.1  # over UDP only the absence of a refusal is seen; on loopback it comes at once


def resolve_targets(plan: Plan, report: Callable[[str], None], named: Collection[str] = ()) -> Plan:
    """Return the plan with the numeric address of each target. Raises PlanError if nobody listens there.

    report: called with a line for each name that was resolved. The run folder keeps the plan, and so the address.
    named: as in ``refuse_foreign_targets``, which is checked first.
    """
    refuse_foreign_targets(plan, named)
    servers = tuple(
        _resolve(server, plan, report) if is_address(server.target) else server for server in plan.external_servers
    )
    return msgspec.structs.replace(plan, external_servers=servers)


def refuse_foreign_targets(plan: Plan, named: Collection[str]) -> None:
    """Raise PlanError if a plan aims load at another machine that the user has not named.

    A plan may come from anybody. named: hosts, or HOST:PORT, of the command line.
    """
    for server in plan.external_servers:
        if not is_address(server.target):
            continue
        host, _ = server.address
        if {server.target, host, host.strip("[]")} & set(named):
            continue
        if foreign := [address for address in _addresses(server) if not _is_own(address)]:
            problem = (
                f"would load {foreign[0]}, another machine, which the command line does not name; if you may load it, "
                f"add --allow-target {host}"
            )
            raise PlanError(f"external server {server.name!r} {problem}", key="target", problem=problem)


def _is_own(address: str) -> bool:
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback or _is_local(address)


def _addresses(server: ExternalServer) -> Sequence[str]:
    """Return the addresses of a target. Raises PlanError."""
    try:
        return addresses.resolve(server.address[0])
    except addresses.AddressError as error:
        raise PlanError(f"external server {server.name!r}: {error}", key="target", problem=str(error)) from error


def _resolve(server: ExternalServer, plan: Plan, report: Callable[[str], None]) -> ExternalServer:
    host, port = server.address
    transport = next((name for name in server.transports if name in plan.transports), server.transports[0])
    candidates = _addresses(server)
    reasons: dict[str, str] = {}
    for address in candidates:
        reasons[address] = _why_unreachable(transport, address, port)
        if not reasons[address]:
            numeric = addresses.format_url(transport, address, port).partition("://")[2]
            if address != host:
                report(f"{server.name}: {server.target} is {numeric}")
            return msgspec.structs.replace(server, target=numeric)
    problem = addresses.nobody_listens(transport, host, port, reasons)
    raise PlanError(f"external server {server.name!r}: {problem}", key="target", problem=problem)


def _is_local(address: str) -> bool:
    """Return whether an address belongs to this machine: a socket can be bound to it."""
    try:
        with socket.socket(addresses.family_of(address), socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True


def _why_unreachable(transport: str, address: str, port: int) -> str:
    """Return why no server is reached at an address, or "".

    The kernel's table of sockets is read first: a connection would be a client, and some servers serve only one. Only a
    server that is not in it, e.g. on another machine, is asked.
    """
    if _is_local(address) and has_listener(transport, address, port):
        return ""
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    try:
        with socket.socket(addresses.family_of(address), kind) as sock:
            sock.settimeout(_CONNECT_S)
            sock.connect((address, port))
            if transport == "udp":
                sock.settimeout(_REFUSAL_S)
                sock.send(b"")
                sock.recv(1)
    except TimeoutError:
        return "" if transport == "udp" else f"no connection within {_CONNECT_S:g} s"
    except OSError as error:
        return addresses.describe_unreachable(error) or error.strerror or str(error)
    return ""
