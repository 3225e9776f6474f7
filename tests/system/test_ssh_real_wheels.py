"""Deployment of holabench itself with its real libraries, over SSH to this machine."""

from pathlib import Path

import pytest

from bench.fleet.host_error import HostError
from bench.fleet.ssh_fleet import AgentStart, SshFleet
from tests.support.ssh_hosts import ssh_hosts
from tests.support.waiting import wait_until


@pytest.mark.serial
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_real_libraries_are_installed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    messages: list[str] = []
    # It imports all that a role needs, and exits.
    start = AgentStart(("bench", "presets"), {})
    with ssh_hosts(tmp_path) as hosts:
        host = hosts.add("lab1")
        cache = Path.home() / ".cache"
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))  # keeps the wheels for the next time
        monkeypatch.setenv("HOME", str(hosts.home))
        for run in ("first", "second"):
            fleet = SshFleet(
                ["lab1"],
                [],
                lambda facts: dict.fromkeys(facts, start),
                on_message=messages.append,
                on_warning=messages.append,
                allow_root=True,
            )
            try:
                with fleet:
                    assert (fleet.agents["lab1"].sent_bytes > 0) == (run == "first")
                    wait_until(lambda: fleet.ended, "the command has ended")  # noqa: B023 - called at once
                    assert fleet.ended["lab1"].startswith("the agent exited with code 0")
            except HostError as error:
                if "package index cannot be reached" in str(error):
                    pytest.skip(str(error))
                raise
        assert len(host.installations()) == 2
        assert host.leftovers() == []
