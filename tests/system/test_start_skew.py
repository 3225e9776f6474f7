"""Generators on three hosts whose clocks differ: what is recorded about their start holds by a common clock."""

import pytest

from bench.experiment.child_commands import generator_command
from clients.worker_group import WorkerGroup
from tests.support.generator_members import ProcessMember
from tests.support.network_hosts import network_hosts
from tests.support.scripted_servers import start_udp_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NAMES = ("lab1", "lab2", "lab3")
SLICES, SLICE_S, WARMUP_S, DRIFT_S = 12, 0.06, 0.01, 1e-6


def test_true_skew_lies_within_the_recorded_bound() -> None:
    """All clocks are those of this machine, ahead by a number of seconds that is known here, and nowhere else."""
    with network_hosts(NAMES) as (address, hosts), start_udp_server(lambda _, data: [data], address) as port:
        members = [ProcessMember(name, host.command(*generator_command(()))) for name, host in hosts.items()]
        ahead_s = [host.clock_ahead_s for host in hosts.values()]
        try:
            group = WorkerGroup(members)
            settings = {"transport": "udp", "host": address, "port": port, "connections": 6, "timeout_s": 5.0}
            assert group.answer({"do": "open", "id": "a", "settings": settings}, 60.0)["ok"]
            for number in range(SLICES):
                command = {"do": "slice", "id": "a", "seconds": SLICE_S, "warmup_s": WARMUP_S, "seed": number}
                figures = group.answer(command, 60.0)["slice"]
                commands = [member.sent[-1] for member in members]
                counted = [member.answers[-1]["counts"][""]["slice"] for member in members]
                planned_s = [each["start_ns"] / 1e9 - s for each, s in zip(commands, ahead_s, strict=True)]
                begun_s = [s + each["usage"]["late_start_s"] for s, each in zip(planned_s, counted, strict=True)]
                skew_s = max(begun_s) - min(begun_s)
                assert skew_s <= figures["start_skew_us"] / 1e6 + DRIFT_S
                # What is unknown about the clocks alone is within the margin.
                assert max(planned_s) - min(planned_s) <= figures["start_margin_us"] / 1e6
                windows_s = [each["start_s"] - s for each, s in zip(counted, ahead_s, strict=True)]
                ends_s = [s + each["duration_s"] for s, each in zip(windows_s, counted, strict=True)]
                sends_until_s = [s + command["tail_s"] for s, command in zip(ends_s, commands, strict=True)]
                late_s = [each["usage"]["late_start_s"] for each in counted]
                if max(late_s) < WARMUP_S:  # else a quality code names what is missing
                    assert max(begun_s) <= min(windows_s)
                assert max(ends_s) <= min(sends_until_s) + DRIFT_S
            closed = group.answer({"do": "close", "id": "a"}, 60.0)
            assert closed["start_skew_us"] >= 1e6 * skew_s - 1
        finally:
            for member in members:
                member.close()
