"""The path of the load between the host of the servers and each generator, measured before the first block.

The host of the servers listens at the address at which it will be loaded, and asks each generator to connect there. A
step that fails has a problem instead of figures, and the run continues: e.g. a firewall may pass the ports of the
servers only.
"""

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

from bench.fleet.path_report import BulkFigures, LossFigures, PathReport, RoundTrips
from bench.fleet.path_traffic import (
    WAIT_S,
    BulkTransfer,
    Burst,
    DatagramEcho,
    answer_round_trips,
    measure_round_trips,
    receive_bulk,
    send_bulk,
    send_burst,
)
from bench.machine.network_interface import NetworkInterface, family_towards, interface_towards, path_mtu

_TOKEN_BYTES = 16
_STEP_S = 4 * WAIT_S
_TRIES = 2
# A burst must not fill the path: at most a tenth of what it carries, and little enough for any host to read.
_BURST_COUNT, _BURST_S, _BURST_SHARE, _PACKET_BYTES = 2000, 0.4, 0.1, 170
_Result = TypeVar("_Result")


_BothWays = tuple[BulkFigures | None, BulkFigures | None, str]  # to the servers, to the generator, a problem


class Asked(Protocol):
    """A generator that executes steps."""

    name: str

    def send(self, command: Mapping[str, Any]) -> None:
        """Send a command."""

    def receive(self, timeout_s: float) -> dict[str, Any]:
        """Return its answer."""


@dataclass(frozen=True, slots=True)
class _Step(Generic[_Result]):
    """A step as both sides saw it. served: by this side. problem: why there is nothing."""

    answer: Mapping[str, Any]
    served: _Result | None
    problem: str = ""


class PathProbe:
    """Measures the path to generators. Use as a context. server_address: where the servers will be loaded."""

    def __init__(self, server_address: str) -> None:
        """Raises OSError."""
        self._address = server_address
        family = family_towards(server_address)
        self._listener = socket.create_server((server_address, 0), family=family)
        self._listener.settimeout(WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def measure(self, generator: Asked) -> PathReport:
        """Measure the path to one generator. Raises LostGeneratorError."""
        facts = self._ask(generator, "facts")
        round_trips = self._exchange([generator], "round_trips", answer_round_trips)[0]
        problem = round_trips.problem
        to_servers = to_generator = None
        if not problem:
            to_servers, to_generator, problem = self._bulk_both_ways([generator])[0]
        return PathReport(
            round_trips=RoundTrips.of_times(round_trips.answer.get("times_ms") or ()),
            to_servers=to_servers,
            to_generator=to_generator,
            loss=self._measure_loss(generator, to_servers, to_generator),
            mtu=facts.get("mtu"),
            interfaces={
                "servers": interface_towards(facts["address"]) if facts.get("address") else None,
                generator.name: _interface(facts.get("interface")),
            },
            problem=problem,
        )

    def measure_together(self, generators: Sequence[Asked]) -> tuple[float | None, float | None]:
        """Return the payload bytes per second of all paths at the same time, to the servers and from them.

        None if that is unknown. Raises LostGeneratorError.
        """
        both = self._bulk_both_ways(generators)
        totals = []
        for figures in ([each[0] for each in both], [each[1] for each in both]):
            known = [each.payload_bytes_per_s for each in figures if each and each.payload_bytes_per_s]
            totals.append(sum(known) if len(known) == len(generators) else None)
        return totals[0], totals[1]

    def _bulk_both_ways(self, generators: Sequence[Asked]) -> list[_BothWays]:
        """Let each generator send and receive; return the faster of several streams, and a problem.

        Another program or a burst of losses can only slow a stream. On a busy machine one of 15 had a quarter of the
        rate of the others.
        """
        tries = [self._bulk_once(generators) for _ in range(_TRIES)]
        return [
            (
                BulkFigures.best(each[0] for each in of_path),
                BulkFigures.best(each[1] for each in of_path),
                min((each[2] for each in of_path), key=len),
            )
            for of_path in zip(*tries, strict=True)
        ]

    def _bulk_once(self, generators: Sequence[Asked]) -> list[_BothWays]:
        sent = self._exchange(generators, "send", receive_bulk)
        received = self._exchange(generators, "receive", send_bulk)
        found = []
        for there, back in zip(sent, received, strict=True):
            to_servers = there.served and BulkFigures.of(there.served, there.answer.get("busy_share", 0.0))
            transfer = back.answer.get("transfer")
            to_generator = transfer and BulkFigures.of(BulkTransfer(**transfer), back.served or 0.0)
            found.append((to_servers or None, to_generator or None, there.problem or back.problem))
        return found

    def _measure_loss(
        self, generator: Asked, to_servers: BulkFigures | None, to_generator: BulkFigures | None
    ) -> LossFigures | None:
        """Send a burst to this host and back. None if nothing is known of the path."""
        token = secrets.token_bytes(_TOKEN_BYTES)
        rates = [each.payload_bytes_per_s for each in (to_servers, to_generator) if each and each.payload_bytes_per_s]
        per_s = min(_BURST_COUNT / _BURST_S, *(_BURST_SHARE * rate / _PACKET_BYTES for rate in rates))
        try:
            sock = socket.socket(family_towards(self._address), socket.SOCK_DGRAM)
            sock.bind((self._address, 0))
        except OSError:
            return None
        with sock:
            echo = DatagramEcho(sock, token)
            with echo.running():
                answer = self._ask(
                    generator,
                    "burst",
                    address=self._address,
                    port=sock.getsockname()[1],
                    token=token.hex(),
                    count=max(1, round(per_s * _BURST_S)),
                    interval_s=1 / per_s,
                )
            if not answer.get("burst"):
                return None
            burst = Burst(**answer["burst"])
            return LossFigures(
                sent=burst.sent,
                received=len(echo.received),
                echoed=echo.echoed,
                returned=burst.returned,
                dropped_at_servers=echo.dropped,
                dropped_at_generator=burst.dropped,
            )

    def _exchange(
        self, generators: Sequence[Asked], step: str, serve: Callable[[socket.socket], _Result]
    ) -> list[_Step[_Result]]:
        """Let generators connect at the same time, and serve each of them in a thread."""
        tokens = {generator.name: secrets.token_bytes(_TOKEN_BYTES) for generator in generators}
        port = self._listener.getsockname()[1]
        for generator in generators:
            token = tokens[generator.name].hex()
            generator.send({"do": "path", "step": step, "address": self._address, "port": port, "token": token})
        with ThreadPoolExecutor(len(generators)) as pool:
            served = {name: pool.submit(_serve, serve, connection) for name, connection in self._accept(tokens).items()}
            results = []
            for generator in generators:
                answer = generator.receive(_STEP_S)
                seen, problem = None, str(answer.get("problem", ""))
                try:
                    seen = served[generator.name].result() if generator.name in served else None
                except OSError as error:
                    problem = problem or _describe(error)
                results.append(_Step(answer, seen, problem or ("" if generator.name in served else "no connection")))
            return results

    def _accept(self, tokens: Mapping[str, bytes]) -> dict[str, socket.socket]:
        """Return the connections of the generators that come in time. Others are turned away."""
        found: dict[str, socket.socket] = {}
        end_s = time.monotonic() + WAIT_S
        while len(found) < len(tokens) and time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                connection.settimeout(WAIT_S)
                token = connection.recv(_TOKEN_BYTES, socket.MSG_WAITALL)
                name = next((name for name, expected in tokens.items() if expected == token), None)
                if name is None:
                    connection.close()
                else:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    found[name] = connection
        return found

    def _ask(self, generator: Asked, step: str, **values: Any) -> dict[str, Any]:
        generator.send({"do": "path", "step": step, "address": self._address, **values})
        return generator.receive(_STEP_S)


def answer_step(command: Mapping[str, Any]) -> dict[str, Any]:
    """Execute a step on the host of a generator; return the answer."""
    try:
        return {"ok": True, **_answer(command)}
    except OSError as error:
        return {"ok": True, "problem": _describe(error)}


def _answer(command: Mapping[str, Any]) -> dict[str, Any]:
    """Execute a step. Raises OSError."""
    address = str(command["address"])
    if command["step"] == "facts":
        interface = interface_towards(address)
        return {
            "mtu": path_mtu(address),
            "interface": interface and asdict(interface),
            "address": _own_address_towards(address),
        }
    token = bytes.fromhex(command["token"])
    if command["step"] == "burst":
        with socket.socket(family_towards(address), socket.SOCK_DGRAM) as sock:
            sock.connect((address, command["port"]))
            return {"burst": asdict(send_burst(sock, token, command["count"], command["interval_s"]))}
    with socket.create_connection((address, command["port"]), WAIT_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(token)
        match command["step"]:
            case "round_trips":
                return {"times_ms": measure_round_trips(connection)}
            case "send":
                return {"busy_share": send_bulk(connection)}
            case "receive":
                return {"transfer": asdict(receive_bulk(connection))}
    return {"problem": f"step {command['step']!r} is unknown"}


def _serve(serve: Callable[[socket.socket], _Result], connection: socket.socket) -> _Result:
    with connection:
        return serve(connection)


def _own_address_towards(address: str) -> str:
    with socket.socket(family_towards(address), socket.SOCK_DGRAM) as sock:
        sock.connect((address, 9))
        return str(sock.getsockname()[0])


def _interface(values: Mapping[str, Any] | None) -> NetworkInterface | None:
    return NetworkInterface(**values) if values else None


def _describe(error: OSError) -> str:
    return "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
