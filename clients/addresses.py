"""Find the addresses of a server's name, in the order in which clients try them.

``bench`` uses this module, too, so it imports neither numpy nor the engine.
"""

import errno
import socket

# RFC 6761, section 6.3: localhost is always loopback. Many containers list only one of the two in /etc/hosts.
_LOOPBACKS = ("127.0.0.1", "::1")
# Errors that concern one address of a server. Another address of the same name may work.
_UNREACHABLE = {
    errno.ECONNREFUSED: "connection refused",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTUNREACH: "host unreachable",
    errno.EADDRNOTAVAIL: "address not available on this machine",
    errno.EAFNOSUPPORT: "address family not supported by this machine",
}


class AddressError(ValueError):
    """A name has no address that a load can use. The message is one line."""


def resolve(host: str) -> tuple[str, ...]:
    """Return the numeric addresses of a host name or address, IPv4 and IPv6, each once. Raises AddressError."""
    if is_numeric(host):
        return (host,)
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise AddressError(f"host {host!r} is neither an address nor a valid name") from error
    except OSError as error:
        reason = error.strerror or error
        raise AddressError(
            f"host {host!r} has no address: {reason}; check the name, or use a numeric address"
        ) from error
    found = [str(address[0]) for family, _, _, _, address in answers if not _scope(family, address)]
    addresses = tuple(dict.fromkeys([*found, *(_LOOPBACKS if host.lower() == "localhost" else ())]))
    if not addresses:
        raise AddressError(f"host {host!r} has link-local addresses only, which a load cannot use; use another address")
    return addresses


def is_numeric(host: str) -> bool:
    """Return whether a host is a numeric address, e.g. 127.0.0.1 or ::1."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, UnicodeError):
        return False
    return True


def family_of(address: str) -> socket.AddressFamily:
    """Return the family of a numeric address."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def format_url(transport: str, host: str, port: int) -> str:
    """Return the URL of a server, e.g. ``tcp://127.0.0.1:80`` or ``tcp://[::1]:80``."""
    return f"{transport}://{f'[{host}]' if ':' in host else host}:{port}"


def describe_unreachable(error: OSError) -> str:
    """Return why an address cannot be reached, or "" for an error that does not concern the address."""
    return _UNREACHABLE.get(error.errno or 0, "")


def nobody_listens(transport: str, host: str, port: int, reasons: dict[str, str]) -> str:
    """Return the message for a server that no address reaches. reasons: by the address that was tried."""
    kinds = dict.fromkeys(reasons.values())
    if list(reasons) == [host]:
        why = reasons[host]
    elif len(kinds) == 1:
        why = f"{', '.join(kinds)} at {' and '.join(reasons)}"
    else:
        why = "; ".join(f"{address}: {reason}" for address, reason in reasons.items())
    return f"nobody listens on {format_url(transport, host, port)} ({why}); start the server or check the address"


def _scope(family: int, address: tuple[object, ...]) -> object:
    """Return the interface of a link-local address, or 0. Its number is not part of the numeric form."""
    return address[3] if family == socket.AF_INET6 and len(address) == 4 else 0
