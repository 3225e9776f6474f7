"""Checks of what the generator counts apart from single replies: fairness, requests in flight, heavy load."""

from bench.selftest.check import GENERATOR_CPU, MS, Check, open_loop
from bench.selftest.expectations import Finding, approx, code_absent, code_raised, equal, ledger_balances
from bench.selftest.trial import Evidence, Trial

FLOOD_RPS = 300_000


def checks(scale: float) -> list[Check]:
    """Return the checks of accounting. scale: of their durations."""
    return [
        starved_connections(scale),
        littles_law("closed_loop", ("--connections", "16"), scale),
        littles_law("open_loop", open_loop(2000, "--connections", "64"), scale),
        datagram_flood(scale),
    ]


def _judge_starved_connections(evidence: Evidence) -> list[Finding]:
    """One connection is served, and all others wait without a reply."""
    return [
        equal("starved", evidence.document["connections"] - 1, evidence.document["fairness"]["starved"]),
        code_raised(evidence, "STARVED_CONNECTIONS"),
    ]


def starved_connections(scale: float) -> Check:
    """A server that serves one client at a time has eight persistent clients."""
    return Check(
        "starved_connections",
        "Are the clients counted that wait while a server serves one client?",
        Trial("tcp", ("--connections", "8", "--timeout", "0.3"), 0.5 * scale, model="iterative"),
        _judge_starved_connections,
        timed=False,
    )


def _judge_littles_law(evidence: Evidence) -> list[Finding]:
    """The number in flight, which is measured on its own, is the rate times the mean time in flight."""
    document = evidence.document
    answered = evidence.raw[evidence.raw["received_ns"] > 0]
    in_flight_s = float((answered["received_ns"] - answered["sent_ns"]).sum()) / 1e9
    expected = in_flight_s / document["duration_s"]
    return [
        ledger_balances(evidence),
        code_absent(evidence, "LITTLES_LAW_VIOLATED"),
        approx("mean number in flight", expected, document["in_flight_mean"], 0.02 * expected),
    ]


def littles_law(loop: str, load: tuple[str, ...], scale: float) -> Check:
    """Every reply takes 3 ms."""
    return Check(
        f"littles_law_{loop}",
        "Does Little's law hold between the number in flight and the time stamps?",
        Trial("tcp", load, 1.5 * scale, {"delay_ns": 3 * MS}, cpu=GENERATOR_CPU),
        _judge_littles_law,
    )


def _judge_datagram_flood(evidence: Evidence) -> list[Finding]:
    """Every datagram is in the ledger, although the server cannot keep up."""
    document = evidence.document
    seconds = document["duration_s"]
    return [
        ledger_balances(evidence),
        approx("scheduled", FLOOD_RPS * seconds, document["scheduled"], 0.01 * FLOOD_RPS * seconds),
        code_raised(evidence, "OPEN_LOOP_LOSS", "OVERLOAD", "UNSENT"),
    ]


def datagram_flood(scale: float) -> Check:
    """Far more datagrams than the server can answer."""
    load = open_loop(FLOOD_RPS, "--connections", "64", "--depth", "1024", "--timeout", "0.3")
    return Check(
        "datagram_flood",
        "Does the ledger balance at 300,000 datagrams per second, more than the server can answer?",
        Trial("udp", load, scale, model="asyncio"),
        _judge_datagram_flood,
        timed=False,
    )
