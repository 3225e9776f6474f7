"""``holabench compare`` and ``holabench report``, on runs whose measurements are made up."""

import json
import re
from pathlib import Path

import pytest

from tests.support.commands import run_python
from tests.support.in_process import run_holabench
from tests.system import runs

pytestmark = pytest.mark.slow
SLOWER = 0.8
CONDITION_HOLDS, UNDECIDED = 4, 5


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    with_baseline = runs.MODELS | runs.BASELINE
    return {
        "before": runs.make_run(root / "before"),
        "again": runs.make_run(root / "again", seed=2),
        "slower": runs.make_run(root / "slower", SLOWER, seed=3),
        "quiet": runs.make_run(root / "quiet", seed=6, models=with_baseline),
        "busy": runs.make_run(root / "busy", SLOWER, seed=7, models=with_baseline),
        "empty": runs.make_run_without_blocks(root / "empty"),
        "failing": runs.make_run_with_trials(root / "failing", status="failed", reason="died [/] \x1b[31m of port 7"),
        "invalid": runs.make_run_with_trials(root / "invalid", verdict="invalid", codes="CORRUPT_REPLIES=9"),
        "limit": runs.make_search(root / "limit", 10e3, 11e3),
        "lower": runs.make_search(root / "lower", 8e3, 9e3),
        "M[red]": runs.make_run_on_machine(root / "M[red]", cpu_model="[/] \x1b[31m[bold red]x", kernel="\x1b]0;k\x07"),
        "unknown": runs.make_run_with_plan(root / "unknown", "speed = 1"),
        "untoml": runs.make_run_with_plan(root / "untoml", "= ="),
    }


@pytest.mark.parametrize(
    ("names", "condition", "code", "expected"),
    [
        (("before", "slower"), "throughput_rps<-5%", CONDITION_HOLDS, "broken: asyncio/tcp"),
        (("before", "slower"), "throughput_rps<-50%", 0, "slower"),
        (("before", "again"), "throughput_rps<-1%", UNDECIDED, "undecided: "),
        (("before", "again"), "throughput_rps<-50%", 0, "throughput_rps<-50% passes in "),
        (("before", "slower"), "sessions_per_s<-5%", 2, "--fail-if on sessions_per_s: "),
        (("before", "failing"), "throughput_rps<-5%", CONDITION_HOLDS, "broken: throughput_rps of asyncio/tcp"),
        (("before", "failing"), "sessions_per_s<-5%", 2, "--fail-if on sessions_per_s: "),
        (
            ("limit", "lower"),
            "max_rate_rps<-5%",
            CONDITION_HOLDS,
            "broken: select/tcp, max_rate, 16 connections, 64 bytes: max_rate_rps",
        ),
        (("limit", "limit"), "max_rate_rps<-5%", UNDECIDED, "1 inconclusive"),
        (("limit", "limit"), "max_rate_rps<-10%", 0, "1 inconclusive"),
        (("quiet", "busy"), "throughput_rps<-5%", UNDECIDED, "throughput_rps<-5% undecided: none of "),
        (("before", "unknown"), "throughput_rps<-5%", 2, "`speed`"),
        (("untoml", "before"), "throughput_rps<-5%", 2, "is not valid TOML"),
        (("before", "slower"), "throughput_rps<-500%", 2, "--fail-if 'throughput_rps<-500%'"),
        (("before", "empty"), "throughput_rps<-5%", 2, "has no finished block"),
        (("empty", "before"), "throughput_rps<-5%", 2, "has no finished block"),
    ],
)
def test_fail_if_decides_the_exit_code(
    names: tuple[str, str],
    condition: str,
    code: int,
    expected: str,
    folders: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    completed = run_holabench(capsys, "compare", *(str(folders[name]) for name in names), "--fail-if", condition)
    assert completed.code == code, completed.stderr
    assert expected in completed.stdout + completed.stderr
    assert completed.stderr.count("\n") == (1 if code == 2 else 0)


def test_undecided_condition_has_its_own_exit_code_and_can_be_allowed(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["again"])]
    condition = ["--fail-if", "throughput_rps<-0.1%"]
    completed = run_holabench(capsys, "compare", *paths, *condition)
    assert completed.code == UNDECIDED, completed.stderr
    assert completed.stdout.splitlines()[1].startswith("gate throughput_rps<-0.1% undecided: ")
    assert "gate throughput_rps<-0.1%: the smallest detectable change is " in completed.stdout
    assert "undecided: iterative/tcp, capacity, 1 connection, 64 bytes: throughput_rps " in completed.stdout
    assert run_holabench(capsys, "compare", *paths, *condition, "--allow-undecided").code == 0
    refused = run_holabench(capsys, "compare", *paths, "--allow-undecided")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)


def test_unjudged_condition_cannot_be_allowed_and_hides_no_other_one(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["quiet"]), str(folders["busy"])]  # the machine drifted by 20%; memory does not depend on it
    unjudged = ["--fail-if", "throughput_rps<-5%"]
    assert run_holabench(capsys, "compare", *paths, *unjudged, "--allow-undecided").code == UNDECIDED
    completed = run_holabench(capsys, "compare", *paths, *unjudged, "--fail-if", "memory_mb>50%")
    assert completed.code == UNDECIDED
    assert "; gate memory_mb>50% passes in " in completed.stdout.splitlines()[1]
    assert "throughput_rps<-5%: no comparison can be judged, because figures are invalid, " in completed.stdout


def test_broken_condition_counts_more_than_an_undecided_one(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["slower"])]
    conditions = ["--fail-if", "throughput_rps<-5%", "--fail-if", "memory_mb>0.01%"]
    completed = run_holabench(capsys, "compare", *paths, *conditions, "--json")
    gates = [row for row in map(json.loads, completed.stdout.splitlines()) if row["type"] == "gate"]
    assert [(row["rule"], row["outcome"]) for row in gates] == [
        ("throughput_rps<-5%", "broken"),
        ("memory_mb>0.01%", "undecided"),
    ]
    assert completed.code == CONDITION_HOLDS


def test_single_server_is_judged_with_fewer_comparisons(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["again"])]
    output = run_holabench(capsys, "compare", *paths, "--arm", "select/tcp", "--json").stdout
    *changes, summary = map(json.loads, output.splitlines())
    assert {row["arm"] for row in changes} == {"select/tcp"}
    assert (summary["type"], summary["comparisons"]) == ("summary", len(changes))
    refused = run_holabench(capsys, "compare", *paths, "--arm", "select")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)
    assert "--arm select: not in both runs; both have " in refused.stderr


def test_small_changes_are_counted_and_large_ones_listed(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["slower"])]
    lines = run_holabench(capsys, "compare", *paths, "--threshold", "50%").stdout.splitlines()
    counted = [
        line
        for line in lines
        if re.search(r"^0 of \d+ comparisons show a difference of 50% or more, \d+ a smaller one(;|$)", line)
    ]
    assert len(counted) == 1
    assert any(re.search(r"requests/s 1\d% to 2\d% lower in \d+ cases", line) for line in lines)
    assert not any(line.startswith("select/tcp") for line in lines)
    refused = run_holabench(capsys, "compare", *paths, "--threshold", "5")
    assert (refused.code, refused.stderr.count("\n")) == (2, 1)


def test_machine_drift_is_reported_first(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    output = run_holabench(capsys, "compare", str(folders["quiet"]), str(folders["busy"])).stdout
    drift = r"^machine drift: native has requests/s 1\d% to 2\d% lower at \d of 6 load points"
    assert re.search(drift, output, re.MULTILINE), output
    assert "no significant difference" in output
    output = run_holabench(capsys, "compare", str(folders["before"]), str(folders["slower"])).stdout
    assert "machine drift between the runs is unknown: native was not measured in both" in output


def test_failed_arm_is_one_line_and_one_json_line_per_case(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["failing"])]
    completed = run_holabench(capsys, "compare", *paths)
    assert completed.code == 0
    (line,) = (line for line in completed.stdout.splitlines() if "missing: asyncio/tcp" in line)
    start = "missing: asyncio/tcp, measured in before, failed in failing, at capacity, 1, 16 and 64 connections"
    assert line.startswith(start)
    assert line.endswith("died [/] \ufffd[31m of port 7")
    completed = run_holabench(capsys, "compare", *paths, "--json", "--fail-if", "throughput_rps<-5%")
    rows = [json.loads(line) for line in completed.stdout.splitlines()]
    assert completed.code == CONDITION_HOLDS
    assert {row["type"] for row in rows} == {"change", "missing", "gate", "summary"}
    assert all(row["runs"] == ["before", "failing"] for row in rows)
    missing = [row for row in rows if row["type"] == "missing"]
    assert [row["connections"] for row in missing] == [1, 16, 64]
    assert all(row["broken"] and row["status"] == "failed" for row in missing)


def test_foreign_text_has_no_effect_on_the_terminal(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    completed = run_holabench(capsys, "compare", str(folders["before"]), str(folders["M[red]"]))
    assert completed.code == 0, completed.stderr
    assert "M[red] compared with before" in completed.stdout
    assert "[/] \ufffd[31m[bold red]x" in completed.stdout
    assert "\x1b" not in completed.stdout


@pytest.mark.parametrize("columns", [40, 80, 160])
def test_narrow_terminal_cuts_no_change(
    columns: int, folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(folders["before"]), str(folders["slower"])]
    for name, value in {"COLUMNS": str(columns), "FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    output = run_holabench(capsys, "compare", *paths, "--all").stdout
    assert "\u2026" not in output
    change = re.compile(r"thread_per_client/tcp.* throughput_rps .*-\d\d% \[-\d\d%, -\S+%\] +lower")
    assert len(change.findall(output)) == 3
    assert output.count("capacity, 16 connections, 64 bytes") >= 1


def test_comparisons_of_invalid_values_are_counted(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(folders["before"]), str(folders["invalid"])]
    output = run_holabench(capsys, "compare", *paths, "--all").stdout
    assert "; 15 without a conclusion: values invalid (see report.md), or the machine drifted too far" in output
    rows = [line.rstrip() for line in output.splitlines() if line.rstrip().endswith("  invalid")]
    assert len(rows) == 15
    assert all(re.search(r" - +inconclusive +- +- +invalid$", row) for row in rows), rows


def test_report_without_finished_block_prints_resume_command(folders: dict[str, Path]) -> None:
    completed = run_python("-m", "bench", "report", str(folders["empty"]))  # starts chart workers
    assert completed.returncode == 2
    assert "has no finished block" in completed.stderr
    assert f"holabench run --resume {folders['empty']}" in completed.stderr
