"""Run ``holabench`` inside the test's process: several seconds faster than a process that imports pandas."""

from dataclasses import dataclass

import pytest

from bench.cli import app
from clients import cli_errors as command_line


@dataclass(frozen=True)
class Completed:
    """A command that has returned."""

    code: int
    stdout: str
    stderr: str


def run_holabench(capsys: pytest.CaptureFixture[str], *arguments: str) -> Completed:
    """Run ``holabench ARGUMENTS``."""
    code = command_line.run(app, "holabench", arguments)
    captured = capsys.readouterr()
    return Completed(code, captured.out, captured.err)
