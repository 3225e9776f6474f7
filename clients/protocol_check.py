"""Check a server's replies byte for byte, before any clock starts.

The check asks what the load will ask: the requests of one connection, on as many connections as needed.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from clients import addresses
from clients.checked_client import CheckedClient, ProtocolError
from clients.exchange import DATAGRAM_TRIES, End
from clients.load_spec import LoadSpec
from clients.protocols import ADIOS, HOLA, PUES_ADIOS, PUES_HOLA
from clients.reply_faults import Exchange
from clients.work_frames import make_frame

_MIN_WHOLE_S = 10.0  # for a whole conversation, which may be long


__all__ = ["ProtocolError", "UnreachableError", "find_server", "verify"]


class UnreachableError(ProtocolError):
    """Nobody listens on the server's address. reason: of the kernel."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def find_server(spec: LoadSpec, host: str, message: bytes, concurrent_clients: int = 1) -> LoadSpec:
    """Verify the server at the first address of ``host`` on which one listens; return the load on this address.

    host: name or numeric address. The host of ``spec`` is not used. Raises AddressError, ProtocolError.
    """
    reasons: dict[str, str] = {}
    for address in addresses.resolve(host):
        candidate = replace(spec, host=address)
        try:
            verify(candidate, message, concurrent_clients)
        except UnreachableError as error:
            reasons[address] = error.reason
        else:
            return candidate
    raise UnreachableError(
        addresses.nobody_listens(spec.transport, host, spec.port, reasons), ", ".join(reasons.values())
    )


def verify(spec: LoadSpec, message: bytes, concurrent_clients: int = 1) -> None:
    """Run the conversations of a load with each of several concurrent clients.

    All clients send a line before any sends the next. An echo has two different lines, so a server that answers once,
    or always the same, is detected. message: the first line of an echo. Raises ProtocolError, which describes the
    fault.
    """
    for conversation in _conversations(spec, message, concurrent_clients):
        with contextlib.ExitStack() as stack:
            try:
                clients = []
                for _ in range(concurrent_clients):
                    clients.append(CheckedClient(spec))
                    stack.enter_context(clients[-1].sock)
                _converse(spec, clients, conversation)
            except OSError as error:
                raise _unreachable(spec, error) from error


def _conversations(spec: LoadSpec, message: bytes, concurrent_clients: int) -> Iterator[list[Exchange]]:
    """Yield the exchanges of each connection: two, on one connection or one after the other."""
    if spec.protocol == "hola":
        lines = [Exchange(HOLA, PUES_HOLA), Exchange(HOLA, PUES_HOLA)]
    else:
        second_message = message[::-1] if message[::-1] != message else bytes(~byte & 0xFF for byte in message)
        if spec.protocol == "work":
            # One client asks for the longest work, which the server may refuse; many would take turns.
            work = max(spec.works)[:2] if concurrent_clients == 1 else (0, 0)
            message = make_frame(spec, message, 1)
            second_message = make_frame(spec, second_message, 2, *work)
        lines = [Exchange(message, message), Exchange(second_message, second_message)]
    ends_with_adios = spec.protocol == "hola" and spec.lifecycle == "session"
    if spec.in_sessions and spec.messages_per_session - ends_with_adios == 1:
        per_connection = [[line] for line in lines]
    else:
        per_connection = [lines]
    for exchanges in per_connection:
        yield [*exchanges, Exchange(ADIOS, PUES_ADIOS)] if ends_with_adios else exchanges


def _unreachable(spec: LoadSpec, error: OSError) -> ProtocolError:
    if reason := addresses.describe_unreachable(error):
        return UnreachableError(
            addresses.nobody_listens(spec.transport, spec.host, spec.port, {spec.host: reason}), reason
        )
    url = addresses.format_url(spec.transport, spec.host, spec.port)
    if isinstance(error, TimeoutError):
        return ProtocolError(f"{url} did not accept a connection within {spec.timeout_s:g} s")
    return ProtocolError(f"{url}: {error.strerror or error}")


def _converse(spec: LoadSpec, clients: Sequence[CheckedClient], conversation: Sequence[Exchange]) -> None:
    """Run one conversation with every client, in step. Raises ProtocolError, OSError."""
    whole_s = max(_MIN_WHOLE_S, DATAGRAM_TRIES * spec.timeout_s)
    end_s = time.monotonic() + whole_s
    for number, exchange in enumerate(conversation):
        for k, client in enumerate(clients):
            answer = client.ask(exchange, end_s)
            if answer.end == End.REPLIED:
                continue
            if number == 0 and k > 0:
                url = addresses.format_url(spec.transport, spec.host, spec.port)
                raise ProtocolError(f"{url} served only {k} of {len(clients)} concurrent clients")
            raise client.fail_silently(answer, exchange, whole_s if time.monotonic() > end_s else spec.timeout_s)
    for client in clients:
        if spec.transport == "tcp" and conversation[-1].request == ADIOS:
            client.check_close()
        else:
            client.check_surplus(will_ask_again=False)
