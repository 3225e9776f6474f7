"""A fleet whose hosts have a network, a name and a clock of their own, on one machine."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.fleet.certificates import make_keys
from bench.fleet.controller import Fleet
from bench.fleet.fleet_run import FleetHosts
from bench.fleet.tls_files import TlsFiles
from tests.support.commands import make_python_command
from tests.support.fleet import agent_arguments
from tests.support.network_hosts import NetworkHost, network_hosts
from tests.support.processes import ROOT
from tests.support.waiting import DEADLINE_S

NetworkFleet = tuple[Fleet, FleetHosts, dict[str, NetworkHost]]


@contextmanager
def network_fleet(keys_folder: Path, names: Sequence[str]) -> Iterator["NetworkFleet"]:
    """Yield a fleet, its hosts and their network. The first host has the servers. Skips the test without the right."""
    folders = make_keys(keys_folder, names)
    keys = {folder.name: folder for folder in folders}
    with ExitStack() as stack:
        address, hosts = stack.enter_context(network_hosts(names))
        fleet = stack.enter_context(Fleet(address, tls=TlsFiles.in_directory(keys["controller"])))
        for name, host in hosts.items():
            options = ("--tls-dir", str(keys[name]), "--listen", host.address)
            command = host.command(*make_python_command(*agent_arguments(fleet.address, name, *options)))
            agent = stack.enter_context(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
            stack.callback(agent.kill)
        fleet.await_agents(names, DEADLINE_S)
        roles = FleetHosts(names[0], tuple(names[1:]), {name: host.address for name, host in hosts.items()})
        yield fleet, roles, hosts
