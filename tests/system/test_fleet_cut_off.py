"""A host that is cut off from the network: an agent in a network namespace of its own, whose link goes down."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.fleet.errors import FleetError
from bench.fleet.tls_files import TlsFiles
from tests.support.commands import make_python_command
from tests.support.fleet import agent_arguments, lines_of, start_echo, wait_until_gone
from tests.support.processes import ROOT
from tests.support.waiting import DEADLINE_S, wait_until

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
CONTROLLER, AGENT = "10.213.71.1", "10.213.71.2"  # a network that exists for this test only
AGENT_TIMEOUT_S = 5.0


def run_ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def start_namespace() -> Iterator[tuple[str, str]]:
    """Create a namespace with a link to it. Yield its name, and that of this end of the link."""
    name = f"holabench{os.getpid()}"
    here, there = f"hbc{os.getpid()}", f"hba{os.getpid()}"
    try:
        run_ip("netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot create a network namespace: {error}")
    try:
        run_ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        run_ip("address", "add", f"{CONTROLLER}/30", "dev", here)
        run_ip("link", "set", here, "up")
        run_ip("-n", name, "address", "add", f"{AGENT}/30", "dev", there)
        for device in ("lo", there):
            run_ip("-n", name, "link", "set", device, "up")
        yield name, here
    finally:
        subprocess.run(["ip", "link", "delete", here], check=False, capture_output=True)
        run_ip("netns", "delete", name)


def test_host_that_is_cut_off_is_named_and_ends_its_role(tmp_path: Path) -> None:
    from bench.fleet.certificates import make_keys
    from bench.fleet.controller import Fleet

    log = tmp_path / "runs"
    make_keys(tmp_path / "keys", ["a"])
    tls = TlsFiles.in_directory(tmp_path / "keys" / "controller")
    with start_namespace() as (namespace, link), Fleet(CONTROLLER, tls=tls, agent_timeout_s=AGENT_TIMEOUT_S) as fleet:
        arguments = agent_arguments(fleet.address, "a", "--tls-dir", str(tmp_path / "keys" / "a"))
        command = ["ip", "netns", "exec", namespace, *make_python_command(*arguments)]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as agent:
            try:
                fleet.await_agents(["a"], DEADLINE_S)
                role = start_echo(fleet, "a")
                task = role.submit({"do": "wait", "log": str(log)}, deadline_s=600.0, phase="block 3")
                wait_until(lambda: lines_of(log), "the command runs")
                run_ip("link", "set", link, "down")
                with pytest.raises(FleetError, match=r"agent a \(pid \d+\) did not respond for \d+ s during block 3: "):
                    task.result()
                assert agent.wait(DEADLINE_S) == 1
                wait_until_gone(role.pid)
            finally:
                agent.kill()
    assert lines_of(log) == ["run"]
