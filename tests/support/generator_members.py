"""Generators as processes of their own, for a group that loads a server together."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from bench.experiment.child_commands import generator_command


class ProcessMember:
    """A generator in a process.

    command: that starts it, e.g. on another host. stops: whether its next slice finds it stopped (SIGSTOP), until the
    slices of the others are over.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name, self.stops = name, False
        self.sent: list[Mapping[str, Any]] = []  # all commands
        self.answers: list[dict[str, Any]] = []
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._read()

    def send(self, command: Mapping[str, Any]) -> None:
        if self.stops and command["do"] == "slice":
            os.kill(self.process.pid, signal.SIGSTOP)
            self.stops = False
        self.sent.append(command)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(command).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self, timeout_s: float) -> dict[str, Any]:
        del timeout_s  # the test has one
        os.kill(self.process.pid, signal.SIGCONT)
        self.answers.append(self._read())
        return self.answers[-1]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer


@contextmanager
def start_members(names: Sequence[str]) -> Iterator[dict[str, ProcessMember]]:
    """Start generators on this machine."""
    members: dict[str, ProcessMember] = {}
    try:
        for name in names:
            members[name] = ProcessMember(name, generator_command(()))
        yield members
    finally:
        for member in members.values():
            member.close()
