"""Hosts with a network, a name and a clock of their own, on one machine: network namespaces on a bridge."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

_NETWORK = f"10.213.{os.getpid() % 250}"  # exists for these tests only; of each test process another one


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

    def limit_rate(self, mbit: int) -> None:
        """Let the host send at most at this rate: a token bucket, which holds 20 ms of packets."""
        limit = ["rate", f"{mbit}mbit", "burst", "16kb", "latency", "20ms"]
        command = ["tc", "-n", self.namespace, "qdisc", "add", "dev", "eth0", "root", "tbf", *limit]
        subprocess.run(command, check=True, capture_output=True)


def run_ip(*arguments: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def network_hosts(names: Sequence[str]) -> Iterator[tuple[str, dict[str, NetworkHost]]]:
    """Yield this machine's address in the network of the hosts, and the hosts. Skips the test without the right.

    The bridge has a namespace of its own: Docker's firewall, for one, drops what bridges of this machine pass.
    """
    prefix = f"hb{os.getpid()}"
    bridge = f"{prefix}bridge"
    hosts = {
        name: NetworkHost(name, f"{_NETWORK}.{number + 2}", f"{prefix}{name}", 500 + 3100 * number)
        for number, name in enumerate(names)
    }
    made: list[str] = []
    try:
        run_ip("netns", "add", bridge)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"cannot create a network: {error}")
    try:
        made.append(bridge)
        run_ip("-n", bridge, "link", "add", "bridge", "type", "bridge")
        run_ip("-n", bridge, "link", "set", "bridge", "up")
        run_ip("link", "add", prefix, "type", "veth", "peer", "name", "near", "netns", bridge)
        run_ip("-n", bridge, "link", "set", "near", "master", "bridge", "up")
        run_ip("address", "add", f"{_NETWORK}.1/24", "dev", prefix)
        run_ip("link", "set", prefix, "up")
        for number, host in enumerate(hosts.values()):
            run_ip("netns", "add", host.namespace)
            made.append(host.namespace)
            near = f"near{number}"
            run_ip("-n", bridge, "link", "add", near, "type", "veth", "peer", "name", "eth0", "netns", host.namespace)
            run_ip("-n", bridge, "link", "set", near, "master", "bridge", "up")
            run_ip("-n", host.namespace, "address", "add", f"{host.address}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                run_ip("-n", host.namespace, "link", "set", device, "up")
        yield f"{_NETWORK}.1", hosts
    finally:
        # A namespace lives as long as its last socket, and so would the end of the link that is here.
        subprocess.run(["ip", "link", "delete", prefix], check=False, capture_output=True)
        for namespace in made:
            run_ip("netns", "delete", namespace)
