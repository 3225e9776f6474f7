"""Hosts with a network, a name and a clock of their own, on one machine: network namespaces on a bridge."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_NETWORK = "10.213.72"  # exists for these tests only


@dataclass(frozen=True, slots=True)
class NetworkHost:
    """A host. clock_ahead_s: by which its CLOCK_MONOTONIC is ahead of this machine's."""

    name: str
    address: str
    namespace: str
    clock_ahead_s: int

    def command(self, *program: str) -> list[str]:
        """Return the command line that runs a program on the host."""
        clock = ["unshare", "--uts", "--time", "--monotonic", str(self.clock_ahead_s), "--fork", "--kill-child"]
        return [
            "ip",
            "netns",
            "exec",
            self.namespace,
            *clock,
            "sh",
            "-c",
            f'hostname {self.name}; exec "$@"',
            "sh",
            *program,
        ]


def run_ip(*arguments: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def network_hosts(names: Sequence[str]) -> Iterator[tuple[str, dict[str, NetworkHost]]]:
    """Yield this machine's address in the network of the hosts, and the hosts. Skips the test without the right."""
    bridge = f"hb{os.getpid()}"
    hosts = {
        name: NetworkHost(name, f"{_NETWORK}.{number + 2}", f"{bridge}{name}", 500 + 3100 * number)
        for number, name in enumerate(names)
    }
    try:
        run_ip("link", "add", bridge, "type", "bridge")
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot create a network: {error}")
    made: list[str] = []
    try:
        run_ip("address", "add", f"{_NETWORK}.1/24", "dev", bridge)
        run_ip("link", "set", bridge, "up")
        for number, host in enumerate(hosts.values()):
            run_ip("netns", "add", host.namespace)
            made.append(host.namespace)
            near = f"{bridge}v{number}"
            run_ip("link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            run_ip("link", "set", near, "master", bridge, "up")
            run_ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                run_ip("-n", host.namespace, "link", "set", device, "up")
        yield f"{_NETWORK}.1", hosts
    finally:
        for namespace in made:
            run_ip("netns", "delete", namespace)
        run_ip("link", "delete", bridge)
