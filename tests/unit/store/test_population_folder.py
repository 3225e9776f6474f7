"""The folder of a run with populations or phases: what a finished block has, and resuming in the middle of one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.plan.definition import Plan
from bench.schema.csv_schema import LatencyWindowRow, TimelineRow
from bench.schema.load_points import LoadPoint
from bench.store.errors import StoreError
from bench.store.file_names import LATENCY_WINDOWS
from bench.store.run_folder import BlockRows, RunFolder
from tests.unit.store.builders import ENVIRONMENT, PLAN, make_block, read_files

SCENARIO: dict[str, Any] = {
    "name": "capacity",
    "connections": [16],
    "seconds": 0.1,
    "populations": [{"name": "light"}, {"name": "heavy", "connections": 2}],
}
PHASES = [{"name": "before", "seconds": 1.0}, {"name": "after", "seconds": 2.0}]
PARTS = [("light", ""), ("heavy", "")]
PHASED_PARTS = [(name, phase) for name in ("light", "heavy") for phase in ("before", "after")]


def make_plan(**scenario: Any) -> Plan:
    values = msgspec.to_builtins(PLAN) | {"scenarios": [SCENARIO | scenario]}
    return msgspec.convert(values, Plan)


def make_part(block: int, population: str, phase: str) -> BlockRows:
    """Return the rows of one population in one phase of a block."""
    rows = make_block(block, sent=10, population=population, phase=phase)
    slices = [replace(row, population=population, phase=phase) for row in rows.slices]
    histograms = [replace(row, population=population, phase=phase) for row in rows.histograms]
    stretch = TimelineRow(
        block, "select/tcp", "capacity", 16, 64, start_s=0.0, stretch_s=0.1, ok_replies=9, reply_latency_us=50.0,
        population=population,
    )  # fmt: skip
    window = LatencyWindowRow(
        block, "select/tcp", "capacity", 16, 64, start_s=0.0, window_s=0.1, upper_ns="1023 2047", counts="5 4",
        never_answered=1, population=population,
    )  # fmt: skip
    rows = replace(rows, timeline=[stretch], latency_windows=[window]) if phase else rows
    return replace(rows, slices=slices, histograms=histograms)


def make_population_block(block: int, parts: list[tuple[str, str]]) -> BlockRows:
    """Return the rows of a block with several populations."""
    every = [make_part(block, *part) for part in parts]
    joined = {
        name: [row for rows in every for row in getattr(rows, name)]
        for name in ("slices", "histograms", "trials", "timeline", "latency_windows")
    }
    return replace(every[0], **joined)


def make_folder(parent: Path, plan: Plan, parts: list[tuple[str, str]], blocks: int) -> RunFolder:
    folder = RunFolder.create(parent, plan, ENVIRONMENT)
    folder.write_calibration([], [])
    for block in range(blocks):
        folder.append(make_population_block(block, parts))
    return folder


def test_finished_block_has_a_trial_for_each_population_in_each_phase(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(), PARTS, 2) as folder:
        run = folder.read()
    assert run.rows_of_block == 2
    assert run.finished_blocks == [0, 1]
    points = [LoadPoint.from_row(row) for row in run.trials.to_dict("records")]
    assert [point.population for point in points] == ["light", "heavy"] * 2
    assert set(run.slices["population"]) == set(run.histograms["population"]) == {"light", "heavy"}


def test_timeline_reads_back_with_its_populations(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(seconds=None, phases=PHASES), PHASED_PARTS, 1) as folder:
        run = folder.read()
    assert run.rows_of_block == 4
    assert run.timeline is not None
    assert set(run.timeline["population"]) == {"light", "heavy"}
    assert list(run.timeline["ok_replies"]) == [9] * 4


def test_latency_windows_read_back_with_a_row_for_each_bucket(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(seconds=None, phases=PHASES), PHASED_PARTS[:1], 1) as folder:
        folder.append(make_population_block(1, PHASED_PARTS))
        windows = folder.read().latency_windows
    assert windows is not None
    assert set(windows["block"]) == {1}
    of_light = windows[windows["population"] == "light"].iloc[:3]
    assert of_light["upper_ns"].tolist() == [1023.0, 2047.0, float("inf")]
    assert of_light["count"].tolist() == [5, 4, 1]


def test_run_of_an_older_version_has_no_latency_windows(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(), PARTS, 1) as folder:
        (folder.path / LATENCY_WINDOWS).unlink()
        assert folder.read().latency_windows is None


def test_damaged_latency_windows_name_their_line(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(seconds=None, phases=PHASES), PHASED_PARTS, 1) as folder:
        block = make_population_block(1, PHASED_PARTS)
        broken = replace(block.latency_windows[0], counts="5")
        folder.append(replace(block, latency_windows=[broken, *block.latency_windows[1:]]))
        with pytest.raises(StoreError, match=r"latency_windows.csv.gz has 2 slots and 1 counts in line 6"):
            assert folder.read().latency_windows is not None


def test_block_without_a_population_is_not_finished(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(), PARTS, 1) as folder:
        folder.append(make_population_block(1, PARTS[:1]))
        assert folder.read().finished_blocks == [0]


def test_resume_removes_the_rows_of_all_populations_of_an_unfinished_block(tmp_path: Path) -> None:
    plan = make_plan(seconds=None, phases=PHASES)
    with make_folder(tmp_path, plan, PHASED_PARTS, 2) as folder:
        finished = read_files(folder.path)
        unfinished = make_population_block(2, PHASED_PARTS)
        folder.append(replace(unfinished, trials=unfinished.trials[:3]))
    with RunFolder(folder.path) as reopened:
        repaired = reopened.reopen()
    assert sorted(line.partition(":")[0] for line in repaired) == [
        "histograms.csv.gz", "latency_windows.csv.gz", "resources.csv.gz", "rounds.csv", "slices.csv.gz",
        "timeline.csv.gz", "trials.csv",
    ]  # fmt: skip
    assert read_files(folder.path) == finished


@pytest.mark.parametrize(
    ("name", "column"),
    [("slices.csv.gz", "slices"), ("timeline.csv.gz", "timeline"), ("latency_windows.csv.gz", "latency_windows")],
)
def test_resume_is_refused_without_the_rows_of_a_finished_block(tmp_path: Path, name: str, column: str) -> None:
    plan = make_plan(seconds=None, phases=PHASES)
    with make_folder(tmp_path, plan, PHASED_PARTS, 1) as folder:
        folder.append(replace(make_population_block(1, PHASED_PARTS), **{column: []}))
    with RunFolder(folder.path) as reopened, pytest.raises(StoreError, match=f"{name} has no rows of finished block 1"):
        reopened.reopen()


def test_resume_is_refused_if_one_population_lacks_slices(tmp_path: Path) -> None:
    with make_folder(tmp_path, make_plan(), PARTS, 1) as folder:
        block = make_population_block(1, PARTS)
        folder.append(replace(block, slices=[row for row in block.slices if row.population == "light"]))
    with RunFolder(folder.path) as reopened, pytest.raises(StoreError, match=r"lacks rows of select/tcp"):
        reopened.reopen()


def test_trial_of_a_population_that_the_plan_does_not_have_is_refused(tmp_path: Path) -> None:
    with (
        make_folder(tmp_path, make_plan(), [("light", ""), ("other", "")], 1) as folder,
        pytest.raises(
            StoreError,
            match=r"has rows of other of 'capacity' with 16 connections and 64 bytes, which plan.toml does not",
        ),
    ):
        assert folder.read().trials.empty
