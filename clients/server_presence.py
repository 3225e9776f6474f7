"""Find out whether a server is still there after a load."""

import socket

from clients.load_spec import LoadSpec

_WAIT_S = 0.2  # loopback refuses within microseconds, a host on the same network within milliseconds


def still_listens(spec: LoadSpec) -> bool | None:
    """Return whether a server listens at the address of a load. None: nothing came back, so nobody knows.

    Over UDP, a datagram is sent: the kernel of a host without a listener returns an error for it.
    """
    kind = socket.SOCK_STREAM if spec.transport == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.settimeout(_WAIT_S)
        try:
            probe.connect((spec.host, spec.port))
            if spec.transport == "udp":
                probe.send(b"\0")
                probe.recv(1)
        except ConnectionRefusedError:
            return False
        except OSError:  # a timeout, or no local port is left: no sign of the server
            return None
    return True
