"""One client of the protocol check: its socket, and what it has asked so far."""

import contextlib
import socket

from clients import addresses
from clients.exchange import Answer, End, exchange_datagram, exchange_stream, read_more, receive_datagram
from clients.load_spec import LoadSpec
from clients.protocols import PUES_ADIOS
from clients.reply_faults import (
    Exchange,
    describe_close,
    describe_fault,
    describe_silence,
    describe_surplus,
    is_copy,
    shorten,
)

_MAX_GREETING_S = 1.0  # for a server to greet a client that does not ask


class ProtocolError(Exception):
    """The server did not answer as the protocol requires."""


class CheckedClient:
    """A client that compares every reply. Its methods raise ProtocolError, and OSError if the address has failed."""

    def __init__(self, spec: LoadSpec) -> None:
        self._spec = spec
        self._url = addresses.format_url(spec.transport, spec.host, spec.port)
        self._before: list[Exchange] = []
        self._copies_due = 0  # replies to datagrams that were sent again, which may still come
        self.sock = socket.socket(
            addresses.family_of(spec.host), socket.SOCK_STREAM if spec.transport == "tcp" else socket.SOCK_DGRAM
        )
        try:
            self.sock.settimeout(spec.timeout_s)
            self.sock.connect((spec.host, spec.port))
        except BaseException:
            self.sock.close()
            raise

    def ask(self, exchange: Exchange, end_s: float) -> Answer:
        """Send a request; return the correct reply, or silence. end_s: deadline of the conversation."""
        if self._before:
            self.check_surplus(will_ask_again=True)
        if self._spec.transport == "tcp":
            answer = exchange_stream(self.sock, exchange.request, exchange.expected, end_s)
        else:
            answer = self._ask_by_datagram(exchange, end_s)
        if answer.end not in (End.SILENT, End.UNREAD):
            if fault := describe_fault(answer, exchange, self._before):
                if self._spec.transport == "tcp" and not self._before and answer.end == End.REPLIED:
                    fault = self._find_greeting() or fault
                raise ProtocolError(f"{self._url} {fault}")
            self._before.append(exchange)
        return answer

    def check_surplus(self, *, will_ask_again: bool) -> None:
        """Check that nothing came after the last reply, and that the connection is open if it will be used again."""
        last = self._before[-1]
        while (surplus := read_more(self.sock, 0)).end != End.SILENT:
            if self._spec.transport == "tcp" and not surplus.data:
                if will_ask_again:
                    raise ProtocolError(f"{self._url} {describe_close(surplus, None, len(self._before))}")
                return
            if not self._copies_due or not is_copy(surplus.data, last.expected):
                raise ProtocolError(f"{self._url} {describe_surplus(surplus.data, last)}")
            self._copies_due -= 1

    def check_close(self) -> None:
        """Check that the server closes the connection without sending more."""
        after = read_more(self.sock, self._spec.timeout_s)
        if after.data:
            raise ProtocolError(f"{self._url} {describe_surplus(after.data, self._before[-1])}")
        if after.end == End.SILENT:
            within = f"within {self._spec.timeout_s:g} s after {PUES_ADIOS!r}"
            raise ProtocolError(f"{self._url} did not close the connection {within}, as hola requires")

    def fail_silently(self, answer: Answer, exchange: Exchange, waited_s: float) -> ProtocolError:
        """Return the error of a server that did not answer. waited_s: how long it was given."""
        silence = describe_silence(self.sock, self._spec, answer, exchange, waited_s)
        return ProtocolError(f"{self._url} {silence}")

    def _find_greeting(self) -> str:
        """Return what the server sends to a client that has not asked, or ""; this connection is closed for the trial.

        A greeting, as in SMTP (RFC 5321, section 3.1), arrives before the first reply or instead of it.
        """
        self.sock.close()
        with contextlib.suppress(OSError), CheckedClient(self._spec).sock as sock:
            if greeting := read_more(sock, min(self._spec.timeout_s, _MAX_GREETING_S)).data:
                return f"sent {shorten(greeting)} before any request; {self._spec.protocol} has no greeting"
        return ""

    def _ask_by_datagram(self, exchange: Exchange, end_s: float) -> Answer:
        """Exchange datagrams. Copies of the last reply that this client caused are skipped."""
        answer, sent = exchange_datagram(self.sock, exchange.request, end_s)
        last = self._before[-1] if self._before else exchange
        while self._copies_due and answer.data == last.expected != exchange.expected:
            self._copies_due -= 1
            answer = receive_datagram(self.sock)
        self._copies_due += sent - 1
        return answer
