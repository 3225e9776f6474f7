"""The function of a model that serves a protocol over a transport."""

from __future__ import annotations

from servers import protocols

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import ModuleType

    Serve = Callable[[socket.socket], None]


def find_serve(model: ModuleType, transport: str, protocol: str) -> Serve | None:
    """Return the function that serves a socket of a model, or None if the model does not serve this.

    It is chosen once, at the start, so the existence of one protocol costs the requests of another nothing.
    """
    if protocol == "work":
        serve_work: Serve | None = getattr(model, f"serve_work_{transport}", None)
        return serve_work
    serve = getattr(model, f"serve_{transport}", None)
    if serve is None:
        return None
    return lambda sock: serve(sock, protocols.HANDLERS[transport][protocol])
