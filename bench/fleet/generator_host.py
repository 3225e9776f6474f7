"""The role of a host with a generator: a process that its agent starts, and that the host of the servers drives.

It starts the ordinary load generator as a child and passes the commands of ``clients.worker`` on to it. Some it answers
itself: ``clock``, ``probe_begin`` and ``probe_end`` around a round, ``host`` and ``path`` before the first block. After
each slice it adds the resources that the generator has taken.
"""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.experiment.child_commands import generator_command
from bench.experiment.child_process import Child, ChildError
from bench.fleet.json_link import JsonLink, LinkError
from bench.fleet.path_probe import answer_step
from bench.fleet.remote_generators import BOOT_ID
from bench.fleet.role_program import RoleFailure, RoleProgram
from bench.fleet.tls_files import TlsFiles, own_keys
from bench.fleet.usage_transfer import usage_to_plain
from bench.machine import environment
from bench.machine.affinity import pinned
from bench.machine.cpu_layout import Placement, place_servers
from bench.machine.doctor import describe_host
from bench.machine.fd_limit import raise_soft_limit
from bench.machine.kernel_files import read_kernel_file
from bench.machine.noise_probe import NoiseProbe
from bench.machine.process_usage import ProcessTree
from clients.addresses import family_of

_COMPILE_S = 300.0  # the first run on a machine compiles the generator
_COMMAND_S = 86_400.0  # the other side has the deadlines of single commands
_WITH_USAGE = ("open", "slice")


class GeneratorHost:
    """The generator of this host, and what is measured beside it."""

    def __init__(self, child: Child, probe: NoiseProbe, placement: Placement) -> None:
        self._child = child
        self._probe = probe
        self._placement = placement
        self._tree = ProcessTree(child.pid)

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Execute one command. Raises ChildError if the generator fails."""
        match command.get("do"):
            case "clock":
                return {"ok": True, "monotonic_ns": time.monotonic_ns()}
            case "host":
                found = describe_host(self._placement.server, self._placement.generator)
                return {"ok": True, "findings": [asdict(finding) for finding in found]}
            case "path":
                return answer_step(command)
            case "probe_begin":
                self._probe.begin()
                return {"ok": True}
            case "probe_end":
                return {"ok": True, "conditions": asdict(self._probe.end())}
        answer = self._child.ask(command, _COMMAND_S)
        if command.get("do") in _WITH_USAGE:
            answer["usage"] = usage_to_plain(self._tree.usage())
        return answer


def main() -> None:
    """Run the role: start the generator, wait for the other side, answer its commands until it leaves."""
    with RoleProgram() as program, contextlib.ExitStack() as stack:
        address, tls = program.specification["address"], own_keys()
        placement = place_servers(sorted(os.sched_getaffinity(0)))
        raise_soft_limit()
        try:
            cpus = placement.server
            child = stack.enter_context(Child("the load generator", generator_command(cpus), cpus, pipe_stdin=True))
            child.read_line(_COMPILE_S)
            listener = stack.enter_context(socket.create_server((address, 0), family=family_of(address)))
        except (ChildError, OSError) as error:
            raise RoleFailure(f"could not start the generator: {error}") from error
        stack.enter_context(pinned(placement.generator))
        machine = environment.describe(placement)["machine"]
        boot_id = read_kernel_file(BOOT_ID)
        port = listener.getsockname()[1]
        program.ready({"port": port, "cpus": list(cpus), "machine": machine, "boot_id": boot_id})
        host = GeneratorHost(child, NoiseProbe(placement.server + placement.generator), placement)
        for command in program.commands():
            if command != {"do": "serve"}:
                program.fail(f"does not know the command {command}")
                continue
            program.answer(_serve(host, listener, tls))


def _serve(host: GeneratorHost, listener: socket.socket, tls: TlsFiles | None) -> dict[str, Any]:
    """Answer the commands of the other side until it leaves; return how many there were. Raises RoleFailure."""
    link, commands = JsonLink.accept(listener, tls), 0
    listener.close()  # nobody else has a reason to connect
    try:
        while True:
            command = link.receive(None)
            link.send(host.answer(command))
            commands += 1
    except LinkError as error:
        return {"commands": commands, "end": str(error)}
    except ChildError as error:
        with contextlib.suppress(LinkError):
            link.send({"lost": str(error)})
        raise RoleFailure(f"lost its generator: {error}") from error
    finally:
        link.close()


if __name__ == "__main__":
    main()
