"""The example workflow: its file is YAML, and its commands run in a directory as the checkouts leave it."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from tests.support.processes import ROOT, run_program

pytestmark = pytest.mark.slow
EXAMPLE = ROOT / "examples" / "github"
DEADLINE_S = 110
LITTLE_LOAD = "--blocks 2 --seconds 0.05 --connections 1 --no-charts"
ECHO_SERVER = """
import asyncio, sys

class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()

asyncio.run(main())
"""
# Prints its arguments; fails where there is no comment to edit, as gh does the first time.
FAKE_GH = '#!/bin/bash\necho "$*" >> gh.log\n[[ "$*" != *--edit-last* ]]\n'


@pytest.fixture(scope="module")
def steps() -> dict[str, dict[str, Any]]:
    """The steps of the job by name."""
    workflow = yaml.safe_load((EXAMPLE / "holabench.yml").read_text())
    return {step["name"]: step for step in workflow["jobs"]["compare"]["steps"] if "name" in step}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory with both checkouts and a stand-in for ``gh``."""
    directory = tmp_path_factory.mktemp("workspace")
    for checkout in ("base", "head"):
        (directory / checkout / ".github").mkdir(parents=True)
        (directory / checkout / "server.py").write_text(ECHO_SERVER)
    shutil.copy(EXAMPLE / "comment.py", directory / "head" / ".github" / "holabench_comment.py")
    (directory / "bin").mkdir()
    (directory / "bin" / "gh").write_text(FAKE_GH)
    (directory / "bin" / "gh").chmod(0o755)
    return directory


def run_step(script: str, workspace: Path) -> None:
    """Run the script of a step as GitHub does on Linux: with ``bash -e`` in the workspace."""
    path = f"{workspace / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": path, "GITHUB_STEP_SUMMARY": "summary.md", "PULL_REQUEST": "7"}
    completed = run_program(["bash", "-e", "-c", script], timeout_s=DEADLINE_S, cwd=workspace, environment=environment)
    assert completed.returncode == 0, completed.stderr


def test_steps_measure_both_versions_and_comment(steps: dict[str, dict[str, Any]], workspace: Path) -> None:
    measure = steps["Measure"]["run"]
    assert "holabench run quick " in measure
    run_step(measure.replace("run quick ", f"run quick {LITTLE_LOAD} "), workspace)
    run_step(steps["Write the comment"]["run"], workspace)
    comment = (workspace / "comment.md").read_text()
    assert "| capacity, 1 connection, 64 bytes | requests per second | " in comment
    assert (workspace / "summary.md").read_text() == comment
    judge = steps["Fail if the pull request is much worse"]["run"]
    assert "--fail-if-worse 20" in judge
    run_step(judge.replace("--fail-if-worse 20", "--fail-if-worse 900"), workspace)  # this run is short, and noisy
    run_step(steps["Comment"]["run"], workspace)
    assert (workspace / "gh.log").read_text().splitlines() == [
        "pr comment 7 --body-file comment.md --edit-last",
        "pr comment 7 --body-file comment.md",
    ]


def load_example() -> Any:
    """Return examples/github/comment.py as a module."""
    spec = importlib.util.spec_from_file_location("comment", EXAMPLE / "comment.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("changes", "is_worse"),
    [
        ({}, True),
        ({"ratio": 0.75}, True),  # of a rate
        ({"ratio": 1.19}, False),
        ({"conclusion": "inconclusive"}, False),
        ({"conclusion": "faster", "ratio": 0.5}, False),
        ({"verdict": "invalid"}, False),
        ({"model": "asyncio"}, False),
        ({"kind": "pair"}, False),
    ],
)
def test_only_figures_that_are_certainly_worse_fail_the_job(changes: dict[str, Any], is_worse: bool) -> None:
    row = {
        "model": "head",
        "kind": "reference",
        "reference": "base/tcp",
        "scenario": "capacity",
        "connections": 16,
        "message_bytes": 64,
        "metric": "cpu_us_per_request",
        "ratio": 1.3,
        "conclusion": "slower",
        "verdict": "valid",
    }
    worse = list(load_example().worse_figures(pd.DataFrame([row | changes]), 20.0))
    expected = ["worse by more than 20%: server CPU time per request (µs) at capacity, 16 connections, 64 bytes"]
    assert worse == (expected if is_worse else [])


def test_workflow_gives_the_pull_request_no_more_rights_than_it_needs() -> None:
    workflow = yaml.safe_load((EXAMPLE / "holabench.yml").read_text())
    assert list(workflow[True]) == ["pull_request"]  # YAML 1.1 reads the key `on` as true
    assert workflow["permissions"] == {"contents": "read", "pull-requests": "write"}


def test_text_of_the_pull_request_is_no_part_of_a_script(steps: dict[str, dict[str, Any]]) -> None:
    assert not any("${{" in step.get("run", "") for step in steps.values())
