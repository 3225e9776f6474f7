"""The hosts of a run over several machines, as the options of ``holabench run`` name them."""

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.translation import gettext
from clients.cli_errors import Stop

if TYPE_CHECKING:
    from bench.experiment.observer import RunObserver
    from bench.fleet.controller import Fleet
    from bench.fleet.fleet_run import FleetHosts

_AGENTS_S = 90.0  # from the start of the agents over SSH until they are connected


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """The options that name hosts: a fleet file, or hosts that are reached over SSH."""

    fleet_file: Path | None = None
    servers_on: str = ""
    generators_on: tuple[str, ...] = ()
    allow_root: bool = False

    @property
    def is_given(self) -> bool:
        """True if the run is to use other machines."""
        return self.fleet_file is not None or bool(self.servers_on or self.generators_on)

    def check(self) -> None:
        """Raise Stop for options that contradict each other, or that lack another one."""
        if self.fleet_file is not None and (self.servers_on or self.generators_on):
            raise Stop("--fleet names its hosts in the file; leave out --servers-on and --generators-on")
        if self.servers_on and not self.generators_on:
            raise Stop("--servers-on needs --generators-on: name the hosts of the load generators, too")
        if self.generators_on and not self.servers_on:
            raise Stop("--generators-on needs --servers-on: name the host of the servers, too")


@contextlib.contextmanager
def open_fleet(options: FleetOptions, observer: "RunObserver") -> Iterator[tuple["Fleet", "FleetHosts"]]:
    """Bring up the agents of all hosts; end them afterwards. Raises Stop.

    The exit code is 2 for a fleet that cannot be brought up: nothing was measured, and a host, a key or a network has
    to be put right. It is 1 for one that fails later.
    """
    from bench.fleet.errors import FleetError, FleetInputError
    from bench.fleet.extra import require_cluster_extra
    from bench.fleet.host_error import HostError

    try:
        require_cluster_extra()
    except FleetInputError as error:
        raise Stop(str(error)) from error
    opened = _open_listed(options.fleet_file, observer) if options.fleet_file else _open_over_ssh(options, observer)
    is_up = False
    try:
        with opened as fleet:
            is_up = True
            yield fleet
    except (FleetInputError, HostError) as error:
        raise Stop(str(error)) from error
    except FleetError as error:
        raise Stop(str(error), 1 if is_up else 2) from error


@contextlib.contextmanager
def _open_listed(path: Path, observer: "RunObserver") -> Iterator[tuple["Fleet", "FleetHosts"]]:
    """Wait for the agents of a fleet file, which are started by other means."""
    from bench.fleet.controller import Fleet
    from bench.fleet.fleet_file import read_fleet_file
    from bench.fleet.tls_files import TlsFiles

    listed = read_fleet_file(path)
    tls = TlsFiles.in_directory(Path(listed.tls_dir)) if listed.tls_dir else None
    with Fleet(listed.listen, tls=tls) as fleet:
        agents = ", ".join(listed.agent_names)
        observer.on_message(
            gettext("waiting for the agents {agents} at {address} ...", agents=agents, address=fleet.address)
        )
        fleet.await_agents(listed.agent_names, listed.wait_s)
        yield fleet, _hosts(fleet, listed.servers_on, listed.generators_on, listed.server_address)


@contextlib.contextmanager
def _open_over_ssh(options: FleetOptions, observer: "RunObserver") -> Iterator[tuple["Fleet", "FleetHosts"]]:
    """Install holabench on the hosts, and start their agents with keys of this run."""
    from bench.fleet.certificates import CONTROLLER, make_keys
    from bench.fleet.controller import Fleet
    from bench.fleet.ssh_fleet import AgentStart, SshFleet, name_hosts
    from bench.fleet.tls_files import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, TlsFiles

    servers = next(iter(name_hosts([options.servers_on])))
    with contextlib.ExitStack() as stack:
        keys = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="holabench-keys-"))) / "fleet"
        started: list[Fleet] = []

        def agent_starts(facts: Mapping[str, Any]) -> dict[str, AgentStart]:
            make_keys(keys, list(facts))
            listen = next(iter(facts.values())).controller_address
            tls = TlsFiles.in_directory(keys / CONTROLLER)
            fleet = stack.enter_context(Fleet(listen, tls=tls))
            started.append(fleet)
            return {name: _agent_start(fleet.address, name, host, keys / name) for name, host in facts.items()}

        def _agent_start(scheduler: str, name: str, host: Any, directory: Path) -> AgentStart:
            files = {each: (directory / each).read_bytes() for each in (AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE)}
            root = ("--allow-root",) if host.uid == 0 else ()
            listen = ("--listen", host.address) if host.address else ()
            arguments = ("bench", "agent", "--scheduler", scheduler, "--name", name, "--tls-dir", "{folder}")
            return AgentStart((*arguments, *listen, *root), files)

        hosts = stack.enter_context(
            SshFleet(
                [options.servers_on],
                options.generators_on,
                agent_starts,
                on_message=observer.on_message,
                on_warning=observer.on_warning,
                allow_root=options.allow_root,
            )
        )
        (fleet,) = started
        fleet.await_agents(list(hosts.agents), _AGENTS_S)
        generators = tuple(name_hosts(options.generators_on))
        observer.on_message(gettext("the agents of {hosts} are connected", hosts=", ".join(hosts.agents)))
        yield fleet, _hosts(fleet, servers, generators, "")


def _hosts(fleet: "Fleet", servers: str, generators: Sequence[str], server_address: str) -> "FleetHosts":
    """Return the hosts with the addresses of their agents."""
    from bench.fleet.addresses import split_address
    from bench.fleet.fleet_run import FleetHosts

    addresses = {name: split_address(agent.address.partition("://")[2])[0] for name, agent in fleet.agents.items()}
    if server_address:
        addresses[servers] = server_address
    refuse_unreachable(addresses)
    return FleetHosts(servers, tuple(generators), addresses)


def refuse_unreachable(addresses: Mapping[str, str]) -> None:
    """Raise FleetInputError if one host has a loopback address, and another has not: they cannot reach each other.

    An agent gets it if it is on the controller's host, whose name often means 127.0.1.1 there.
    """
    from bench.fleet.addresses import is_loopback
    from bench.fleet.errors import FleetInputError

    local = [name for name, address in addresses.items() if is_loopback(address)]
    if local and len(local) < len(addresses):
        raise FleetInputError(
            f"the other hosts cannot reach {local[0]} at {addresses[local[0]]}; "
            "start its agent with --listen ADDRESS, where ADDRESS is that of its host in the network of the others"
        )
