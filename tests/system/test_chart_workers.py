"""Chart workers that exit before the report, and a report that exits before them."""

import errno
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
from bench.report.chart_workers import chart_workers
from bench.report.charts.catalogue import ChartTables, chart_requests
from bench.store.errors import StoreError
from bench.store.reader import read_run
from clients.quality_catalogue import DEFAULT_THRESHOLDS
from tests.support import synthetic
from tests.support.commands import COMMAND_DEADLINE_S, run_python, start_python
from tests.support.in_process import run_holabench
from tests.support.processes import run_program

pytestmark = pytest.mark.slow

START_WORKERS = """
import json, signal, sys, psutil
from pathlib import Path
from bench.report.chart_workers import chart_workers

if __name__ == "__main__":
    with chart_workers(Path(sys.argv[1])) as workers:
        workers.start(None, [])
        workers.charts()
        print(json.dumps([child.pid for child in psutil.Process().children(recursive=True)]), flush=True)
        signal.pause()
"""
# Modules that a starting process imports: an untrusted run folder must not provide them.
FIRST_IMPORTS = ("multiprocessing", "pickle", "numpy", "pandas", "bench", "encodings")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rates = synthetic.TCP | synthetic.UDP
    synthetic.write_run(synthetic.make_run(rates, blocks=6, rounds=2, histograms=True), tmp_path)
    return tmp_path


def make_tables(folder: Path) -> ChartTables:
    """Return the tables of a run folder."""
    run = read_run(folder)
    summary = summarise(run.trials, run.slices, DEFAULT_THRESHOLDS)
    comparisons = compare_arms(run.trials, run.slices, reference_arms(run.plan), DEFAULT_THRESHOLDS)
    return ChartTables(summary, comparisons, run.histograms, run.trials, run.slices)


def test_killed_worker_is_reported_in_one_line(folder: Path) -> None:
    tables = make_tables(folder)
    requests = chart_requests(tables.summary, tables.trials)
    before = set(psutil.Process().children(recursive=True))
    with chart_workers(folder) as workers:
        workers.start(tables, requests)
        for child in set(psutil.Process().children(recursive=True)) - before:
            if child.ppid() != os.getpid():  # a fork of the server, not the server
                child.kill()
        with pytest.raises(StoreError, match=r"a chart worker exited.*measurements are safe; retry with"):
            workers.charts()


def test_letter_missing_from_font_causes_no_warning(tmp_path: Path) -> None:
    judged = {("select/tcp", 64): ("failed", "its last line: \u670d")}
    rates = synthetic.TCP | synthetic.UDP
    synthetic.write_run(synthetic.make_run(rates, blocks=6, rounds=2, judged=judged, histograms=True), tmp_path)
    result = run_python("-m", "bench", "report", str(tmp_path))
    assert any("\u670d" in chart.read_text() for chart in (tmp_path / "charts").glob("*.svg")), result.stderr
    assert "Warning" not in result.stderr


def test_workers_exit_with_a_killed_report(folder: Path) -> None:
    with start_python("-c", START_WORKERS, str(folder)) as process:
        assert process.stdout is not None
        workers = [psutil.Process(pid) for pid in json.loads(process.stdout.readline())]
        assert len(workers) > 1
        process.kill()
        _, alive = psutil.wait_procs(workers, timeout=COMMAND_DEADLINE_S)
        assert not alive


def test_ctrl_c_stops_report_and_workers_with_one_traceback(folder: Path) -> None:
    with start_python("-c", START_WORKERS, str(folder)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        workers = [psutil.Process(pid) for pid in json.loads(process.stdout.readline())]
        os.killpg(process.pid, signal.SIGINT)
        errors = process.stderr.read()
        assert errors.count("Traceback") == errors.count("KeyboardInterrupt") == 1, errors
        _, alive = psutil.wait_procs(workers, timeout=COMMAND_DEADLINE_S)
        assert not alive


def test_ctrl_c_while_fork_server_starts_is_raised(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "bench.report.chart_workers.forkserver.ensure_running", lambda: os.kill(os.getpid(), signal.SIGINT)
    )
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)  # a worker of the tests ignores it
    try:
        with pytest.raises(KeyboardInterrupt), chart_workers(folder):
            pass
    finally:
        signal.signal(signal.SIGINT, handler)


def test_report_inside_run_folder_imports_nothing_from_it(folder: Path) -> None:
    for name in FIRST_IMPORTS:
        (folder / f"{name}.py").write_text(f"open('ran-{name}', 'w')\nraise SystemExit('{name} was run')\n")
    command = [str(Path(sys.executable).with_name("holabench")), "report", "."]
    result = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=COMMAND_DEADLINE_S, check=False
    )
    assert result.returncode == 0, result.stderr
    assert not list(folder.glob("ran-*"))
    assert (folder / "charts" / "throughput.png").exists()


@pytest.mark.parametrize("settings", ["backend", "broken file", "file of the working folder"])
def test_settings_of_the_user_change_no_chart(
    settings: str, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "matplotlibrc").write_bytes(b"axes.facecolor: black\nfont.size: 40\n")
    environment = {
        "backend": {"MPLBACKEND": "module://no_such_package.backend_inline"},
        "broken file": {"MATPLOTLIBRC": str(elsewhere / "broken"), "MPLCONFIGDIR": str(elsewhere)},
        "file of the working folder": {},
    }[settings]
    (elsewhere / "broken").write_bytes(b"axes.facecolor: \xff\xfe\n")
    command = [sys.executable, "-m", "bench", "report", str(folder)]
    expected = run_program(command, timeout_s=COMMAND_DEADLINE_S)
    assert expected.returncode == 0, expected.stderr
    picture = (folder / "charts" / "throughput.png").read_bytes()
    result = run_program(command, cwd=elsewhere, environment=environment, timeout_s=COMMAND_DEADLINE_S)
    assert result.returncode == 0, result.stderr
    assert (folder / "charts" / "throughput.png").read_bytes() == picture


def test_cache_that_cannot_be_written_causes_no_message(folder: Path) -> None:
    result = run_python("-m", "bench", "report", str(folder), HOME="/dev/null", XDG_CACHE_HOME="", MPLCONFIGDIR="")
    assert result.returncode == 0, result.stderr
    assert "atplotlib" not in result.stderr
    assert "/dev/null" not in result.stderr


def test_long_temporary_folder_does_not_stop_the_charts(folder: Path) -> None:
    long = folder / ("long_" * 20) / ("long_" * 20)
    long.mkdir(parents=True)
    result = run_python("-m", "bench", "report", str(folder), TMPDIR=str(long))
    assert result.returncode == 0, result.stderr
    assert (folder / "charts" / "throughput.png").exists()


def test_tables_are_written_where_no_chart_worker_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise OSError(errno.EPERM, "not permitted")

    monkeypatch.setattr("bench.report.chart_workers.forkserver.ensure_running", refuse)
    completed = run_holabench(capsys, "report", str(folder))
    assert completed.code == 1
    assert completed.stderr.splitlines()[-1].endswith(
        f"cannot draw the charts: not permitted; measurements are safe; retry with: holabench report {folder}"
    )
    assert "asyncio" in completed.stderr
    assert (folder / "report.html").exists()
    assert (folder / "summary.csv").exists()
