"""The guard that ends an agent together with its SSH connection."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT


def test_silent_connection_ends_agent(tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    command = [sys.executable, "-m", "bench.fleet.bound_agent", f"--folder={run_folder}", "--silence-s=0.2"]
    command += ["--", sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as guard:
        assert guard.stdout is not None
        assert json.loads(guard.stdout.readline())["agent"]
        guard.wait(60)
    assert not run_folder.exists()
