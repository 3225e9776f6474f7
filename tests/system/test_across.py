"""The commands that read several runs, on made-up ones."""

from pathlib import Path

import pytest

from tests.unit import synthetic

from .commands import python

SLOWER = 0.8
BROKEN = 4


def made(path: Path, speed: float = 1.0, seed: int = 1) -> Path:
    """The folder of a run whose arms are all that fast."""
    path.mkdir()
    rates = {
        arm: {load: rate * speed for load, rate in of_arm.items()}
        for arm, of_arm in (synthetic.TCP | synthetic.UDP).items()
    }
    synthetic.write(synthetic.run(rates, seed=seed), path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("runs")
    empty = made(root / "empty")
    for name in ("trials.csv", "slices.csv"):
        heads = (empty / name).read_text().partition("\n")[0]
        (empty / name).write_text(heads + "\n")
    return {
        "before": made(root / "before"),
        "again": made(root / "again", seed=2),
        "slower": made(root / "slower", SLOWER, seed=3),
        "empty": empty,
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
            "--fail-if on sessions_per_s: these runs have no arm in common",
        ),
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
