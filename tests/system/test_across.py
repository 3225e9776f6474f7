"""The commands that read several runs, on made-up ones."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest

from bench.schema.rows import MaxRateRow
from bench.store.run_folder import RunFolder
from tests.support import synthetic
from tests.support.commands import run_python as python

pytestmark = pytest.mark.slow

SLOWER = 0.8
BROKEN = 4


MODELS = synthetic.TCP | synthetic.UDP
NATIVE = {f"native/{transport}": {1: 9e4, 16: 18e4, 64: 18e4} for transport in ("tcp", "udp")}


def made(path: Path, speed: float = 1.0, seed: int = 1, models: synthetic.Rates = MODELS) -> Path:
    """The folder of a run whose arms are all that fast."""
    path.mkdir()
    rates = {arm: {load: rate * speed for load, rate in of_arm.items()} for arm, of_arm in models.items()}
    synthetic.write_run(synthetic.make_run(rates, seed=seed), path)
    return path


def with_trials(path: Path, **columns: str) -> Path:
    """A run in which all trials of asyncio over TCP are like that."""
    trials = pd.read_csv(made(path, seed=4) / "trials.csv")
    for name, value in columns.items():
        trials[name] = trials[name].astype(object).mask(trials["arm"] == "asyncio/tcp", value)
    trials.to_csv(path / "trials.csv", index=False)
    return path


def with_environment(path: Path, **machine: str) -> Path:
    environment = json.loads((made(path, seed=5) / "environment.json").read_text())
    (path / "environment.json").write_text(json.dumps(environment | {"machine": machine}))
    return path


def with_plan(path: Path, text: str) -> Path:
    (made(path) / "plan.toml").write_text(text)
    return path


def drop_rows(path: Path) -> None:
    """Leave only the names of the columns in the tables of a run."""
    for name in ("trials.csv", "slices.csv.gz"):
        pd.read_csv(path / name, nrows=0).to_csv(path / name, index=False)


def searched(path: Path, *held_rps: float) -> Path:
    """A run that consists of a search alone. held_rps: the rate that is held, and the next one that is not."""
    made(path)
    drop_rows(path)
    (path / "plan.toml").write_text(
        'name = "search"\nmodels = ["select"]\ntransports = ["tcp"]\nbaseline = "none"\ncontrol = "none"\nseed = 7\n'
        '[[scenarios]]\nname = "max_rate"\nconnections = [16]\nrate = "highest"\nseconds = 0.1\n'
    )
    RunFolder(path).append_max_rates(
        [
            MaxRateRow(
                scenario="max_rate", connections=16, message_bytes=64, arm="select/tcp", model="select",
                transport="tcp", protocol="echo", python="", round=number, step=step, rate_rps=rate,
                objective_p99_us=5000.0, objective_lost_share=0.001,
                scheduled=None, sent=None, replies=None, lost=None, unsent=None,
                throughput_rps=rate, latency_p50_us=None, latency_p99_us=None, generator_cpu_share=None,
                passed=step == 0, counted=True, verdict="valid", codes="",
            )
            for step, rate in enumerate(held_rps)
            for number in range(3)
        ]
    )  # fmt: skip
    return path


def on_terminal(columns: int, *words: str) -> str:
    """What a terminal of that width is told."""
    return python("-m", "bench", *words, COLUMNS=str(columns), FORCE_COLOR="1", TERM="xterm").stdout


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    empty = made(root / "empty")
    drop_rows(empty)
    return {
        "before": made(root / "before"),
        "again": made(root / "again", seed=2),
        "slower": made(root / "slower", SLOWER, seed=3),
        "quiet": made(root / "quiet", seed=6, models=MODELS | NATIVE),
        "busy": made(root / "busy", SLOWER, seed=7, models=MODELS | NATIVE),
        "empty": empty,
        "failing": with_trials(root / "failing", status="failed", reason="died [/] \x1b[31m of port 7"),
        "limit": searched(root / "limit", 10e3, 11e3),
        "lower": searched(root / "lower", 8e3, 9e3),
        "M[red]": with_environment(root / "M[red]", cpu_model="[/] \x1b[31m[bold red]x", kernel="\x1b]0;k\x07"),
        "unknown": with_plan(root / "unknown", "speed = 1"),
        "untoml": with_plan(root / "untoml", "= ="),
    }


@pytest.mark.parametrize(
    ("runs", "rule", "code", "said"),
    [
        (("before", "slower"), "throughput_rps<-5%", BROKEN, "broken: asyncio/tcp"),
        (("before", "slower"), "throughput_rps<-50%", 0, "slower"),
        (("before", "again"), "throughput_rps<-1%", 0, "comparisons"),
        (
            ("before", "slower"),
            "sessions_per_s<-5%",
            2,
            "--fail-if on sessions_per_s: the runs have no arm in common",
        ),
        (("before", "failing"), "throughput_rps<-5%", BROKEN, "broken: throughput_rps of asyncio/tcp"),
        (("before", "failing"), "sessions_per_s<-5%", 2, "no arm in common"),
        (
            ("limit", "lower"),
            "max_rate_rps<-5%",
            BROKEN,
            "broken: select/tcp, max_rate, 16 connections, 64 bytes: max_rate_rps",
        ),
        (("limit", "limit"), "max_rate_rps<-5%", 0, "1 inconclusive"),
        (("quiet", "busy"), "throughput_rps<-5%", 2, "the machine drifted too far"),
        (("before", "unknown"), "throughput_rps<-5%", 2, "unknown field `speed`"),
        (("untoml", "before"), "throughput_rps<-5%", 2, "is not TOML"),
        (("before", "slower"), "throughput_rps<-500%", 2, "can never be violated"),
        (("before", "empty"), "throughput_rps<-5%", 2, "has no finished block"),
        (("empty", "before"), "throughput_rps<-5%", 2, "has no finished block"),
    ],
)
def test_a_rule_that_is_broken_or_that_nothing_could_break_fails(
    runs: tuple[str, str], rule: str, code: int, said: str, folders: dict[str, Path]
) -> None:
    ended = python("-m", "bench", "compare", *(str(folders[one]) for one in runs), "--fail-if", rule)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == (code == 2)


def test_what_became_of_the_machine_is_told_first(folders: dict[str, Path]) -> None:
    told = python("-m", "bench", "compare", str(folders["quiet"]), str(folders["busy"])).stdout
    assert re.search(
        r"^the machine moved: throughput_rps of native, 0\.\d\d to 0\.\d\d times, at \d of 6 loads$", told, re.MULTILINE
    )
    assert "no difference is resolved" in told
    told = python("-m", "bench", "compare", str(folders["before"]), str(folders["slower"])).stdout
    assert "what the machine did between these runs is not known: native was not measured in both" in told


def test_a_report_of_a_run_without_a_finished_block_says_how_to_go_on(folders: dict[str, Path]) -> None:
    ended = python("-m", "bench", "report", str(folders["empty"]))
    assert ended.returncode == 2
    assert "has no finished block" in ended.stderr
    assert f"holabench run --resume {folders['empty']}" in ended.stderr


def test_a_history_is_charted_whatever_the_runs_are_called(folders: dict[str, Path], tmp_path: Path) -> None:
    strange = made(tmp_path / r"$\x$")
    runs = [str(folders["before"]), str(folders["empty"]), str(strange)]
    ended = python("-m", "bench", "history", *runs, "--arm", "select/tcp", "--chart", str(tmp_path / "chart.svg"))
    assert ended.returncode == 0, ended.stderr
    assert r"$\x$" in (tmp_path / "chart.svg").read_text()


def test_an_arm_that_failed_everywhere_is_one_line_for_people_and_one_for_each_case_for_scripts(
    folders: dict[str, Path],
) -> None:
    runs = [str(folders["before"]), str(folders["failing"])]
    told = python("-m", "bench", "compare", *runs)
    assert told.returncode == 0
    (line,) = (line for line in told.stdout.splitlines() if "asyncio/tcp" in line)
    assert line.startswith(
        "missing: asyncio/tcp, measured in before, failed in failing, at capacity, 1, 16 and 64 conn"
    )
    assert line.endswith("died [/] \ufffd[31m of port 7")
    ended = python("-m", "bench", "compare", *runs, "--json", "--fail-if", "throughput_rps<-5%")
    rows = [json.loads(one) for one in ended.stdout.splitlines()]
    missing = [row for row in rows if row["kind"] == "missing"]
    assert ended.returncode == BROKEN
    assert [row["connections"] for row in missing] == [1, 16, 64]
    assert all(row["broken"] and row["status"] == "failed" for row in missing)


def test_what_others_wrote_does_nothing_to_a_terminal_and_is_shown_as_it_is(folders: dict[str, Path]) -> None:
    runs = [str(folders["before"]), str(folders["M[red]"])]
    told = python("-m", "bench", "compare", *runs)
    assert told.returncode == 0, told.stderr
    assert "M[red] against before" in told.stdout
    assert "cpu_model: None before, [/] \ufffd[31m[bold red]x now" in told.stdout
    assert "\x1b" not in told.stdout
    course = python("-m", "bench", "history", *runs, "--metric", "throughput_rps", "--arm", "select/tcp")
    assert "\nM[red]  " in course.stdout


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_nothing_that_matters_is_cut_on_a_narrow_terminal(columns: int, folders: dict[str, Path]) -> None:
    told = on_terminal(columns, "compare", str(folders["before"]), str(folders["slower"]))
    assert "\u2026" not in told
    whole = re.compile(r"thread_per_client/tcp.* throughput_rps .*0\.\d{3} \[0\.\d{3}, 0\.\d{3}\] +slower")
    assert len(whole.findall(told)) == 2
    assert told.count("capacity, 16 connections, 64 bytes") >= 1


def test_a_history_has_the_limits_that_a_search_found(folders: dict[str, Path]) -> None:
    ended = python("-m", "bench", "history", str(folders["limit"]), str(folders["lower"]), "--metric", "max_rate_rps")
    assert ended.returncode == 0, ended.stderr
    assert "10.0k to 11.0k" in ended.stdout
    assert "8.00k to 9.00k" in ended.stdout


def test_a_history_of_a_plan_that_cannot_be_is_one_line(folders: dict[str, Path]) -> None:
    ended = python("-m", "bench", "history", str(folders["before"]), str(folders["unknown"]))
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "unknown field `speed`" in ended.stderr


def test_what_rests_on_invalid_figures_is_counted(folders: dict[str, Path], tmp_path: Path) -> None:
    invalid = with_trials(tmp_path / "invalid", verdict="invalid", codes="CORRUPT_REPLIES=9")
    runs = [str(folders["before"]), str(invalid)]
    told = python("-m", "bench", "compare", *runs).stdout
    assert "without a word, as figures are invalid (why, says report.md) or the machine moved too far: 15" in told
    course = python("-m", "bench", "history", *runs, "--metric", "throughput_rps", "--arm", "asyncio/tcp").stdout
    assert course.count("  invalid") == 3
    assert "invalid figures, in which no change is looked for: 3" in course
