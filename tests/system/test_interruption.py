"""Runs that are interrupted, and servers that die: finished blocks are kept, and no process is left behind."""

import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import psutil
import pytest

from tests.support.commands import find_servers_below, start_python
from tests.support.processes import have_exited
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow
SMALL = ["quick", "--models", "iterative,select", "--transports", "tcp", "--seed", "7", "--no-charts"]
SUCCESS = (0, 3)
INTERRUPTED = 130
RENDER_FOREVER = """
import signal, sys
from bench.report import build
from bench.__main__ import main

def render_forever(*_):
    print("rendering", flush=True)
    signal.pause()

build.build = render_forever
sys.argv = ["holabench", "run", *sys.argv[1:]]
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_keeps_blocks_stops_servers_and_prints_hint(interrupt: signal.Signals, tmp_path: Path) -> None:
    arguments = [*SMALL, "--blocks", "1000", "--seconds", "0.1", "--output-dir", str(tmp_path)]
    with start_python("-m", "bench", "run", *arguments) as run:
        wait_until(lambda: any(_blocks(file) >= 2 for file in tmp_path.glob("*/trials.csv")), "two blocks")
        wait_until(lambda: bool(find_servers_below(run.pid)), "the next block's servers")
        servers = find_servers_below(run.pid)
        run.send_signal(interrupt)
        output, errors = run.communicate(timeout=60)
    folder = Path(output.strip())
    assert run.returncode == INTERRUPTED, errors
    assert f"holabench run --resume {folder}\n" in errors
    assert f"holabench report {folder}\n" in errors
    assert _blocks(folder / "trials.csv") >= 2
    assert (folder / "summary.csv").exists()
    wait_until(lambda: have_exited(servers), "all servers have exited")


SEARCH = """
name = "search"
models = ["select", "asyncio"]
transports = ["tcp"]
blocks = 1
seed = 7
[[scenarios]]
name = "capacity"
connections = [1]
seconds = 0.05
[[scenarios]]
name = "max_rate"
connections = [4]
rate = "highest"
seconds = 0.5
"""


@pytest.mark.parametrize("interrupt", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_during_a_search_keeps_blocks_and_rounds(interrupt: signal.Signals, tmp_path: Path) -> None:
    plan = tmp_path / "search.toml"
    plan.write_text(SEARCH)
    arguments = [str(plan), "--no-charts", "--output-dir", str(tmp_path / "results")]
    with start_python("-m", "bench", "run", *arguments) as run:
        assert run.stderr is not None
        second_round = next((line for line in run.stderr if line.startswith("max_rate: round 2")), "")
        wait_until(lambda: len(find_servers_below(run.pid)) > 2, "the servers of the second round beside the baseline")
        servers = find_servers_below(run.pid)
        run.send_signal(interrupt)
        output, errors = run.communicate(timeout=60)
    folder = Path(output.strip())
    assert second_round
    assert run.returncode == INTERRUPTED, errors
    assert "Interrupted after 1 block and 1 round of searches" in errors
    assert f"holabench run --resume {folder}\n" in errors
    assert "Traceback" not in errors
    assert _blocks(folder / "trials.csv") == 1
    assert set(pd.read_csv(folder / "max_rate.csv")["round"]) == {0}
    assert set(pd.read_csv(folder / "summary.csv")["scenario"]) == {"capacity", "max_rate"}
    wait_until(lambda: have_exited(servers), "all servers have exited")


def test_interrupt_while_rendering_prints_report_command(tmp_path: Path) -> None:
    arguments = [*SMALL[:-1], "--blocks", "1", "--seconds", "0.1", "--output-dir", str(tmp_path)]
    with start_python("-c", RENDER_FOREVER, *arguments) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "rendering\n"
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=60)
    folder = Path(output.strip())
    assert run.returncode == INTERRUPTED
    assert (folder / "complete.json").exists()
    assert "The measurements are complete" in errors
    assert f"holabench report {folder}\n" in errors
    assert "Traceback" not in errors


PAUSE_WHEN_COMPLETE = """
import signal, sys
from bench.__main__ import main
from bench.store.run_folder import RunFolder

mark_complete = RunFolder.mark_complete

def pause(*arguments):
    mark_complete(*arguments)
    print("complete", flush=True)
    signal.pause()

RunFolder.mark_complete = pause
sys.argv = ["holabench", "run", *sys.argv[1:]]
sys.exit(main())
"""


def test_interrupt_between_the_last_block_and_the_report_keeps_all(tmp_path: Path) -> None:
    arguments = [*SMALL, "--blocks", "1", "--seconds", "0.05", "--output-dir", str(tmp_path)]
    with start_python("-c", PAUSE_WHEN_COMPLETE, *arguments) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "complete\n"
        run.send_signal(signal.SIGINT)
        output, errors = run.communicate(timeout=60)
    assert run.returncode == INTERRUPTED, errors
    assert (Path(output.strip()) / "summary.csv").exists()
    assert "run --resume" not in errors, "nothing is missing"
    assert "Traceback" not in errors


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("phase", ["preparing the load generator", "measuring how long replies take"])
def test_interrupt_before_the_first_block_is_one_line(phase: str, end: signal.Signals, tmp_path: Path) -> None:
    with start_python("-m", "bench", "run", *SMALL, "--output-dir", str(tmp_path)) as run:
        assert run.stderr is not None
        for line in run.stderr:
            if line.startswith(phase):
                break
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(end)
        output, errors = run.communicate(timeout=60)
    assert run.returncode == INTERRUPTED
    last_line = "holabench: interrupted before the first block; nothing was measured, and no run folder exists"
    assert errors.splitlines()[-1:] == [last_line], errors
    assert "Traceback" not in errors
    assert output == ""
    assert not any(tmp_path.iterdir())
    wait_until(lambda: have_exited(children), "all children have exited")


def test_sigkill_leaves_no_process_behind(tmp_path: Path) -> None:
    arguments = ["quick", "--models", "multiprocessing", "--output-dir", str(tmp_path)]
    with start_python("-m", "bench", "run", *arguments) as run:
        wait_until(lambda: len(find_servers_below(run.pid)) >= 6, "servers with their workers")
        parents = {process.environ()["HOLABENCH_PARENT"] for process in find_servers_below(run.pid)}
        assert parents == {str(run.pid)}
        children = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        run.wait()
        wait_until(lambda: have_exited(children), "all children have exited")


def test_server_that_dies_is_a_failed_row_and_others_continue(tmp_path: Path) -> None:
    arguments = [*SMALL, "--blocks", "1", "--seconds", "0.6", "--output-dir", str(tmp_path)]
    with start_python("-m", "bench", "run", *arguments) as run:
        find_select = _finder_of_loaded_server(run.pid, "select")
        wait_until(lambda: bool(find_select()), "the select server answers requests")
        find_select()[0].kill()
        output, errors = run.communicate(timeout=110)
    assert run.returncode in SUCCESS, errors
    trials = pd.read_csv(Path(output.strip()) / "trials.csv")
    failed = trials[trials["status"] == "failed"]
    assert set(failed["arm"]) == {"select/tcp"}
    assert failed["reason"].str.contains("while it was measured").any(), failed["reason"].to_string()
    assert (trials["status"] == "ok").sum() >= 4


def _finder_of_loaded_server(run_pid: int, model: str) -> Callable[[], list[psutil.Process]]:
    """Return a function that finds the TCP servers of a model that are in the middle of their slices.

    Such a server has all of its 16 connections, and has used CPU time since. Open connections alone do not suffice: the
    generator may still be opening the last ones.
    """
    command = [model, "--transport", "tcp"]
    cpu_s_when_connected: dict[int, float] = {}

    def is_loaded(server: psutil.Process) -> bool:
        if server.cmdline()[3:6] != command or server.num_fds() < 3 + 16:
            return False
        cpu_s = sum(server.cpu_times()[:2])
        return cpu_s - cpu_s_when_connected.setdefault(server.pid, cpu_s) >= 0.05

    return lambda: [server for server in find_servers_below(run_pid) if is_loaded(server)]


def _blocks(trials: Path) -> int:
    """Return how many blocks have rows. The run may be writing the last line, so only complete lines count."""
    complete_lines = trials.read_text(encoding="utf-8").split("\n")[1:-1]
    return len({line.partition(",")[0] for line in complete_lines})
