"""Replies that take longer than a load: how much of them counts, checked against their own time stamps."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from clients.engine.records import OUTCOME_OK
from clients.engine.threads import Threads
from clients.generator import LoadGenerator
from clients.load_spec import LoadSpec
from clients.measurement import Slice, credited_replies
from clients.worker_answers import describe_slice
from tests.support.scripted_servers import HOST
from tests.support.servers import start_command

pytestmark = pytest.mark.serial


@contextmanager
def start_slow_server(transport: str, delay_ms: int, message_bytes: int = 64) -> Iterator[int]:
    """Start a server that answers each request after a delay; yield its port."""
    options = ["--transport", transport, "--delay-ns", str(delay_ms * 1_000_000), "--message-bytes", str(message_bytes)]
    with start_command([sys.executable, "-m", "servers.reference", *options]) as server:
        yield int(server["port"])


def run_load(threads: Threads, spec: LoadSpec, seconds: float, warmup_s: float) -> tuple[Slice, Any]:
    """Load a server; return the slice and the time stamps of its requests."""
    with LoadGenerator(spec, threads) as generator:
        generator.open()
        slice_ = generator.load(seconds, warmup_s)
        return slice_, generator.raw()


def credit_of_stamps(slice_: Slice, began_ns: Any, ended_ns: Any) -> float:
    """Return the credit of some times in flight, computed from time stamps alone."""
    window_ns = slice_.start_s * 1e9
    inside_ns = np.minimum(ended_ns, window_ns + slice_.duration_s * 1e9) - np.maximum(began_ns, window_ns)
    return float((np.maximum(inside_ns, 0) / (ended_ns - began_ns)).sum())


@pytest.mark.parametrize("transport", ["tcp", "udp"])
@pytest.mark.parametrize("rate_rps", [0.0, 400.0])
@pytest.mark.parametrize(("delay_ms", "connections"), [(5, 1), (40, 16)])
def test_replies_count_by_their_share_inside_the_window(
    threads: Threads, transport: str, rate_rps: float, delay_ms: int, connections: int
) -> None:
    with start_slow_server(transport, delay_ms) as port:
        spec = LoadSpec(
            transport, HOST, port, connections=connections, timeout_s=5.0, rate_rps=rate_rps, raw_rows=10_000
        )
        slice_, raw = run_load(threads, spec, 0.1, 0.03)
    assert len(raw) > 0
    assert (raw["outcome"] == OUTCOME_OK).all()
    expected = credit_of_stamps(slice_, raw["sent_ns"], raw["received_ns"])
    assert credited_replies(slice_.counts.tally) == pytest.approx(expected, abs=len(raw) * 1e-4)


def test_reply_longer_than_the_slice_gives_a_rate(threads: Threads) -> None:
    with start_slow_server("tcp", 60) as port:
        slice_, raw = run_load(threads, LoadSpec("tcp", HOST, port, connections=8, raw_rows=100), 0.025, 0.003)
    tally = slice_.counts.tally
    assert (tally["replies"], tally["ok"]) == (0, 8)
    rate = describe_slice(LoadSpec("tcp", HOST, port), slice_)["throughput_rps"]
    assert 0 < rate <= 8 / 0.06, "no client can ask again before its reply"
    assert rate == pytest.approx(float((1e9 / (raw["received_ns"] - raw["sent_ns"])).sum()), rel=1e-3)


@pytest.mark.parametrize("seconds", [0.025, 0.15])
def test_replies_of_sessions_count_by_their_share(threads: Threads, seconds: float) -> None:
    with start_slow_server("tcp", 10) as port:
        spec = LoadSpec(
            "tcp", HOST, port, lifecycle="session", connections=8, requests_per_session=4, timeout_s=5.0,
            raw_rows=10_000,
        )  # fmt: skip
        slice_, raw = run_load(threads, spec, seconds, 0.003)
    expected = credit_of_stamps(slice_, raw["sent_ns"], raw["received_ns"])
    assert expected > 0
    assert credited_replies(slice_.counts.tally) == pytest.approx(expected, rel=1e-3)


def test_session_that_breaks_off_counts_its_replies(threads: Threads) -> None:
    """The load ends a session that takes longer than its timeout: its replies so far count."""
    with start_slow_server("udp", 20) as port:
        spec = LoadSpec(
            "udp", HOST, port, lifecycle="session", connections=2, requests_per_session=50, timeout_s=0.1,
            raw_rows=1000,
        )  # fmt: skip
        slice_, raw = run_load(threads, spec, 0.1, 0.0)
    tally = slice_.counts.tally
    assert tally["sessions"] == 0
    assert 2 < tally["ok"] < 100
    answered = raw[raw["outcome"] == OUTCOME_OK]
    expected = credit_of_stamps(slice_, answered["sent_ns"], answered["received_ns"])
    assert credited_replies(tally) == pytest.approx(expected, rel=1e-3)


def test_large_message_longer_than_the_slice_gives_a_rate(threads: Threads) -> None:
    size = 8 << 20
    with start_slow_server("tcp", 1, size) as port:
        spec = LoadSpec("tcp", HOST, port, message_bytes=size, timeout_s=20.0, raw_rows=100)
        slice_, raw = run_load(threads, spec, 0.012, 0.002)
    expected = credit_of_stamps(slice_, raw["sent_ns"], raw["received_ns"])
    assert expected > 0
    assert credited_replies(slice_.counts.tally) == pytest.approx(expected, abs=1e-4)
    assert slice_.usage.elapsed_s * 1e9 >= raw["received_ns"].max() - raw["sent_ns"].min(), "the drain is part of it"
