"""The reference server in the protocol work: it replies after the wait of a frame, and records when."""

import csv
import signal
import sys
from pathlib import Path

import pytest

from tests.support.servers import start_command
from tests.support.sockets import connect, make_udp_socket
from tests.support.waiting import DEADLINE_S
from tests.support.work_frames import make_frame


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_reference_server_adds_the_wait_of_each_frame(tmp_path: Path, transport: str) -> None:
    stamps = tmp_path / "stamps.csv"
    command = [sys.executable, "-m", "servers.reference", "--protocol", "work", "--transport", transport]
    frames = [make_frame(bytes(size), connection=2, number=size, wait_us=1_000 * size) for size in (40, 0, 20)]
    with start_command([*command, "--delay-ns", "2000000", "--stamps", str(stamps)]) as server:
        server.ready["host"] = "127.0.0.1"
        with connect(server) if transport == "tcp" else make_udp_socket(server) as client:
            for frame in frames:  # one after the other, so that no reply waits for an earlier one
                client.sendall(frame)
                assert client.recv(100) == frame
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE_S) == 0
    with stamps.open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    delays_ms = [(int(row["planned_ns"]) - int(row["arrival_ns"])) / 1e6 for row in rows]
    assert [(row["connection"], row["number"]) for row in rows] == [("2", "40"), ("2", "0"), ("2", "20")]
    assert delays_ms == [42, 2, 22]
    assert all(int(row["sent_ns"]) >= int(row["planned_ns"]) for row in rows)
