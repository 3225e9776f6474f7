"""An agent that waits for a role process hardly uses the machine that is measured."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.support.fleet import start_echo, start_fleet
from tests.support.waiting import repeat_until

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.serial]
PERIOD_S = 5.0
MAX_CPU_SHARE = 0.03  # of a core; 0.0035 was measured in 20 s
MAX_SWITCHES_PER_S = 60.0  # 4 were measured


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of a process in a period."""

    cpu_share: float
    switches_per_s: float


def measure(process: psutil.Process) -> Usage:
    """Return what all threads of a process use while this process waits for the period."""
    before, switches = process.cpu_times(), count_switches(process)
    with pytest.raises(psutil.TimeoutExpired):
        process.wait(PERIOD_S)
    after = process.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    return Usage(cpu_s / PERIOD_S, (count_switches(process) - switches) / PERIOD_S)


def count_switches(process: psutil.Process) -> int:
    """Return the voluntary switches of all threads; those of the process are those of its first thread alone."""
    texts = [path.read_text() for path in Path(f"/proc/{process.pid}/task").glob("*/status")]
    return sum(int(re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.MULTILINE)[0]) for text in texts)


def test_waiting_agent_is_quiet(record_property: Callable[[str, object], None]) -> None:
    with start_fleet("a") as (fleet, agents):
        role = start_echo(fleet, "a")
        task = role.submit({"do": "wait"}, deadline_s=600.0, phase="block 1")
        process = psutil.Process(agents["a"].pid)
        usages = repeat_until(
            lambda: measure(process),
            lambda usage: usage.cpu_share < MAX_CPU_SHARE and usage.switches_per_s < MAX_SWITCHES_PER_S,
            attempts=3,
        )
        assert not task.done
    record_property("cpu_share", usages[-1].cpu_share)
    record_property("switches_per_s", usages[-1].switches_per_s)
    assert usages[-1].cpu_share < MAX_CPU_SHARE, usages
    assert usages[-1].switches_per_s < MAX_SWITCHES_PER_S, usages
