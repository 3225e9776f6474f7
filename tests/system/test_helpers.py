"""The processes that help with a report: what becomes of them and of the report when one of the two ends early."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.analysis.comparisons import compare_arms
from bench.analysis.summary import summarise
from bench.plan.matrix import reference_arms
from bench.report.chart_workers import helpers
from bench.report.charts.catalogue import wanted
from bench.store.errors import StoreError
from bench.store.reader import read_run
from bench.store.run_folder import RunFolder
from tests.support import synthetic
from tests.support.commands import COMMAND_DEADLINE_S as DEADLINE_S
from tests.support.commands import run_python as python
from tests.support.commands import start_python as started

pytestmark = pytest.mark.slow

HELPED = """
import json, signal, sys, psutil
from pathlib import Path
from bench.report.chart_workers import helpers
from bench.store.run_folder import RunFolder

if __name__ == "__main__":
    with helpers(RunFolder(Path(sys.argv[1]))) as helping:
        helping.draw(None, None, [])
        print(json.dumps([one.pid for one in psutil.Process().children(recursive=True)]), flush=True)
        signal.pause()
"""
# Modules that a process needs to start, by which a folder that somebody sent could have something run.
FIRST_IMPORTED = ("multiprocessing", "pickle", "numpy", "pandas", "bench", "encodings")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rates = synthetic.TCP | synthetic.UDP
    synthetic.write_run(synthetic.make_run(rates, blocks=6, rounds=2, histograms=True), tmp_path)
    return tmp_path


def test_a_helper_that_is_killed_is_told_in_one_line(folder: Path) -> None:
    run = read_run(folder)
    trials, slices = run.trials, run.slices
    summary, comparisons = summarise(trials, slices), compare_arms(trials, slices, reference_arms(run.plan))
    charts = wanted(summary, trials)
    before = set(psutil.Process().children(recursive=True))
    with helpers(RunFolder(folder)) as helping:
        helping.draw(summary, comparisons, charts[:1])
        for one in set(psutil.Process().children(recursive=True)) - before:
            if one.ppid() != os.getpid():  # those that the server has forked
                one.kill()
        with pytest.raises(StoreError, match=r"a helper ended.*nothing measured is lost"):
            helping.draw(summary, comparisons, charts)


def test_a_letter_that_the_font_lacks_is_no_warning_on_the_terminal(tmp_path: Path) -> None:
    judged = {("select/tcp", 64): ("failed", "its last words: \u670d")}
    rates = synthetic.TCP | synthetic.UDP
    synthetic.write_run(synthetic.make_run(rates, blocks=6, rounds=2, judged=judged, histograms=True), tmp_path)
    ended = python("-m", "bench", "report", str(tmp_path))
    assert any("\u670d" in one.read_text() for one in (tmp_path / "charts").glob("*.svg")), ended.stderr
    assert "Warning" not in ended.stderr


def test_helpers_end_with_the_process_that_they_help(folder: Path) -> None:
    with started("-c", HELPED, str(folder)) as process:
        assert process.stdout is not None
        helping = [psutil.Process(pid) for pid in json.loads(process.stdout.readline())]
        assert helping
        process.kill()
        _, left = psutil.wait_procs(helping, timeout=DEADLINE_S)
        assert not left


def test_ctrl_c_ends_a_report_with_its_helpers_and_no_traceback_of_theirs(folder: Path) -> None:
    with started("-c", HELPED, str(folder)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        helping = [psutil.Process(pid) for pid in json.loads(process.stdout.readline())]
        os.killpg(process.pid, signal.SIGINT)
        errors = process.stderr.read()
        assert errors.count("Traceback") == errors.count("KeyboardInterrupt") == 1, errors
        _, left = psutil.wait_procs(helping, timeout=DEADLINE_S)
        assert not left


def test_ctrl_c_while_their_server_is_started_is_heard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bench.report.chart_workers.forkserver.ensure_running", lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of the tests ignores it
    try:
        with pytest.raises(KeyboardInterrupt), helpers(RunFolder(folder)):
            pass
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_report_made_inside_a_folder_that_somebody_sent_runs_nothing_of_it(folder: Path) -> None:
    for name in FIRST_IMPORTED:
        (folder / f"{name}.py").write_text(f"open('ran-{name}', 'w')\nraise SystemExit('{name} was run')\n")
    command = [str(Path(sys.executable).with_name("holabench")), "report", "."]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 0, ended.stderr
    assert not list(folder.glob("ran-*"))
    assert (folder / "charts" / "throughput.png").exists()
