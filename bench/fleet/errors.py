"""Failures of a fleet, in plain words."""

import re
from dataclasses import dataclass

from bench.translation import N_

_DETAIL = re.compile(r"(?=[:;] )")  # begins what explains a reason, so the phase comes before it


# A reader sees the parts of a line translated by these texts.
TEXTS = (
    N_("agent {host} (pid {pid}) {reason}"),
    N_("agent {host} {reason}"),
    N_("servers on {host} (pid {pid}) {reason}"),
    N_("scheduler (pid {pid}) {reason}"),
    N_("{reason} during block {number}"),
    N_("{reason} during block {number}: {tail}"),
    N_("{reason} during the start"),
    N_("{reason} during the run"),
    N_("its agent ends"),
)


class FleetError(Exception):
    """A run over several machines cannot continue.

    role: ``agent``, ``scheduler``, or the name of a role process. pid: 0 if it is unknown. phase: what it was doing,
    e.g. ``block 3``. reason: the end of the sentence, e.g. ``has died``.
    """

    def __init__(self, host: str, role: str, reason: str, *, pid: int = 0, phase: str = "") -> None:
        super().__init__(host, role, reason, pid, phase)
        self.host, self.role, self.reason, self.pid, self.phase = host, role, reason, pid, phase

    def __str__(self) -> str:
        """Return e.g. ``agent lab2 (pid 4711) has died during block 3``."""
        name = f"{self.role} {self.host}" if self.role == "agent" else f"{self.role} on {self.host}"
        pid = f" (pid {self.pid})" if self.pid else ""
        reason, *detail = re.split(_DETAIL, self.reason, maxsplit=1)
        tail = "".join(detail)
        if self.phase and tail.startswith(": "):
            tail = tail.removeprefix(": ")
            reason, tail = f"{reason} during {self.phase}: {tail}", ""
        elif self.phase:
            reason = f"{reason} during {self.phase}"
        return f"{name if self.host else self.role}{pid} {reason}{tail}"


class FleetInputError(ValueError):
    """An option, a file or a key is wrong. The message is one line."""


@dataclass
class RoleError(Exception):
    """A role process failed. It is raised in an agent, and reaches the controller as it is.

    reason: as in FleetError.
    """

    role: str
    pid: int
    reason: str

    def __str__(self) -> str:
        """Return e.g. ``servers (pid 4711) was killed by SIGKILL``."""
        return f"{self.role} (pid {self.pid}) {self.reason}"

    def __reduce__(self) -> tuple[type["RoleError"], tuple[str, int, str]]:
        return RoleError, (self.role, self.pid, self.reason)
