"""The identity of an arm, and its name as rows, charts and reports write it."""

import functools
from dataclasses import dataclass, replace

from bench.translation import gettext

BASELINE_MODEL = "native"  # compiled, not ranked; where no server is faster, it shows a limit of machine and generator
_CONTROL_SUFFIX = "~control"


@dataclass(frozen=True, slots=True, order=True)
class Arm:
    """One competitor: a model with its transport and interpreter.

    A control is an arm that is measured a second time; how far it differs from itself is the noise floor.
    """

    model: str
    transport: str
    python: str = ""  # label of the interpreter; empty for the one that runs holabench
    control: bool = False

    @classmethod
    def parse(cls, name: str) -> "Arm":
        """Return the arm of a name such as ``asyncio/tcp@pypy3.9~control``.

        Raises ValueError.
        """
        return _parse(str(name))

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in rows, charts and reports: ``MODEL/TRANSPORT[@PYTHON][~control]``."""
        return f"{self.model}/{self.transport}{self._python_suffix}{_CONTROL_SUFFIX if self.control else ''}"

    @property
    def label(self) -> str:
        """The name without transport and control: ``asyncio@pypy3.9``."""
        return self.model + self._python_suffix

    @property
    def display_label(self) -> str:
        """The name for people without the transport: ``asyncio (control)``."""
        return self.label + self._role

    @property
    def display_name(self) -> str:
        """The name for people: ``asyncio/tcp (control)``, ``native/tcp (baseline)``."""
        return self.base.name + self._role

    @property
    def is_baseline(self) -> bool:
        """Return whether the arm is the compiled server beside the models."""
        return self.label == BASELINE_MODEL

    @property
    def competes(self) -> bool:
        """Return whether the arm is ranked: it is neither a control nor a baseline."""
        return not self.control and not self.is_baseline

    @property
    def base(self) -> "Arm":
        """The arm that a control repeats; any other arm is its own base."""
        return replace(self, control=False)

    @property
    def _role(self) -> str:
        if self.control:
            return gettext(" (control)")
        return gettext(" (baseline)") if self.is_baseline else ""

    @property
    def _python_suffix(self) -> str:
        return f"@{self.python}" if self.python else ""


@functools.cache
def _parse(name: str) -> Arm:
    without_control = name.removesuffix(_CONTROL_SUFFIX)
    model, slash, rest = without_control.partition("/")
    transport, _, python = rest.partition("@")
    if not model or not slash or not transport:
        raise ValueError(f"{name!r} is not the name of an arm (MODEL/TRANSPORT[@PYTHON][~control])")
    return Arm(model, transport, python, control=without_control != name)
