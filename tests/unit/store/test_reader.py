import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import msgspec
import pandas as pd
import pytest

from bench.schema.csv_schema import MaxRateRow, RateRow, SliceLengthRow
from bench.store.errors import StoreError
from bench.store.reader import read_run
from bench.store.run_folder import RunFolder
from tests.unit.store.builders import (
    ENVIRONMENT,
    PLAN,
    edit_text,
    make_block,
    make_folder,
    make_interrupted_folder,
    with_cell,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = make_folder(tmp_path, blocks=1)
    folder.unlock()
    return folder


def test_each_table_is_read_once(folder: RunFolder) -> None:
    run = read_run(folder.path)
    with patch.object(pd, "read_csv", wraps=pd.read_csv) as read_csv:
        for _ in range(2):
            for table in (run.trials, run.slices, run.rounds, run.resources, run.histograms):
                assert len(table) > 0
    assert read_csv.call_count == 5


def test_table_that_is_not_used_is_not_read(folder: RunFolder) -> None:
    (folder.path / "histograms.csv.gz").write_bytes(b"damaged")
    assert read_run(folder.path).finished_blocks == [0]


def test_chosen_histograms_are_those_of_the_whole_table(folder: RunFolder) -> None:
    run = read_run(folder.path)
    assert run.choose_histograms(lambda table: table).equals(run.histograms)
    assert run.choose_histograms(lambda table: table.iloc[:0]).empty


def test_histogram_that_is_not_chosen_is_not_parsed(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=2) as folder:
        edit_text(folder.path / "histograms.csv.gz", lambda text: text.replace("5 4", "5", 1))
    run = read_run(folder.path)
    assert set(run.choose_histograms(lambda table: table.drop(index=0))["block"]) == {1}
    with pytest.raises(StoreError, match="has 2 slots and 1 counts in line 2"):
        run.choose_histograms(lambda table: table)


def test_unfinished_block_is_not_read(tmp_path: Path) -> None:
    path, _ = make_interrupted_folder(tmp_path)
    run = read_run(path)
    for table in (run.trials, run.slices, run.rounds, run.resources, run.histograms):
        assert sorted(set(table["block"])) == [0, 1]


@pytest.mark.parametrize("name", ["slices.csv.gz", "histograms.csv.gz", "resources.csv.gz", "rounds.csv", "trials.csv"])
def test_torn_file_loses_only_its_last_block(tmp_path: Path, name: str) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        path = folder.path / name
        size = path.stat().st_size
        folder.append(make_block(1))
        complete = path.read_bytes()
        table = name.partition(".")[0]
        for end in range(size, len(complete)):
            path.write_bytes(complete[:end])
            assert set(getattr(read_run(folder.path), table)["block"]) == {0}


def test_block_without_all_of_its_cases_is_not_read(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, transports=("tcp", "udp"))
    with make_folder(tmp_path, plan=plan) as folder:
        folder.append(make_block(0))  # rows of the TCP arm only
        assert folder.read().trials.empty


def test_texts_are_harmless_for_a_terminal(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder:
        folder.append(make_block(0, reason="stderr:\n\x1b[2Jred \u202e\x07caf\u00e9"))
        assert list(folder.read().trials["reason"]) == ["stderr: \ufffd[2Jred \ufffd\ufffdcaf\u00e9"]


def test_arm_outside_the_plan_is_refused(folder: RunFolder) -> None:
    edit_text(folder.path / "trials.csv", with_cell("arm", "[/]"))
    with pytest.raises(StoreError, match=r"trials\.csv has rows of '\[/\]', which is not an arm of plan\.toml"):
        _ = read_run(folder.path).trials


def test_link_in_a_folder_is_refused(folder: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    (folder.path / "report.md").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"'report\.md' is a link or a special file"):
        read_run(folder.path)


def test_link_in_the_chart_folder_is_refused(folder: RunFolder, tmp_path: Path) -> None:
    (folder.path / "charts").mkdir()
    (folder.path / "charts" / "cpu.png").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"charts: 'cpu\.png' is a link or a special file"):
        read_run(folder.path)


def test_pipe_in_a_folder_is_refused(folder: RunFolder) -> None:
    os.mkfifo(folder.path / "rates.csv")
    with pytest.raises(StoreError, match=r"'rates\.csv' is a link or a special file"):
        read_run(folder.path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
        ("[1]", "was not written by a run"),
        ('{"schema": "\\u001b[2J\\nx", "holabench": "y"}', "in results schema \ufffd[2J x"),
    ],
)
def test_environment_of_no_run_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(StoreError) as raised:
        read_run(tmp_path)
    assert message in str(raised.value)
    assert str(raised.value).isprintable()


def test_folder_of_schema_1_is_refused_with_a_remedy(tmp_path: Path) -> None:
    environment = {"schema": 1, "holabench": {"version": "0.1.0"}}
    (tmp_path / "environment.json").write_text(json.dumps(environment))
    with pytest.raises(StoreError) as raised:
        read_run(tmp_path)
    assert str(raised.value) == (
        f"{tmp_path} was written by holabench 0.1.0 in results schema 1; this version reads schema 2. "
        "Read it with that version, or measure again."
    )


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("trials.csv", lambda text: text.replace("arm", "leg", 1), "has no column 'arm'"),
        ("trials.csv", with_cell("block", "zero"), "has 'zero' as block in line 2; expected a number"),
        ("trials.csv", with_cell("block", ""), "has nothing as block in line 2; expected a number"),
        ("trials.csv", with_cell("connections", "1e300"), "as connections in line 2; expected a whole number"),
        ("trials.csv", with_cell("connections", "17"), "has rows of 'capacity' with 17 connections and 64 bytes"),
        ("trials.csv", with_cell("mean_throughput_rps", "fast"), "has 'fast' as mean_throughput_rps in line 2"),
        ("trials.csv", with_cell("mean_throughput_rps", "inf"), "expected a finite number"),
        ("trials.csv", with_cell("latency_p99_us", "-inf"), "expected a finite number"),
        ("slices.csv.gz", with_cell("server_cpu_us", "inf"), "expected a finite number"),
        ("slices.csv.gz", with_cell("server_cpu_us", "\x1b[2J"), "has '\\x1b[2J' as server_cpu_us in line 2"),
        ("slices.csv.gz", lambda text: text.replace("codes", "code"), "has no column 'codes'"),
        ("histograms.csv.gz", with_cell("connections", "inf"), "as connections in line 2; expected a finite number"),
        ("histograms.csv.gz", with_cell("upper_ns", "1 inf"), "has no list of whole numbers in line 2"),
        ("histograms.csv.gz", with_cell("counts", "5"), "has 2 slots and 1 counts in line 2"),
        ("histograms.csv.gz", with_cell("block", "9" * 30), "histograms.csv.gz has"),
        ("rounds.csv", with_cell("disturbed", "perhaps"), "has 'perhaps' as disturbed in line 2; expected yes or no"),
    ],
)
def test_cell_outside_its_column_is_one_line(
    folder: RunFolder, name: str, change: Callable[[str], str], message: str
) -> None:
    edit_text(folder.path / name, change)
    with pytest.raises(StoreError) as raised:
        getattr(read_run(folder.path), name.partition(".")[0])
    assert message in str(raised.value)
    assert str(raised.value).isprintable()


def test_damaged_member_is_one_line(folder: RunFolder) -> None:
    path = folder.path / "slices.csv.gz"
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(StoreError, match=r"slices\.csv\.gz is damaged at byte .*; restore the file, or measure again"):
        _ = read_run(folder.path).slices


def test_folder_without_a_plan_is_not_a_run(tmp_path: Path) -> None:
    (tmp_path / "environment.json").write_text(json.dumps(ENVIRONMENT))
    with pytest.raises(StoreError, match=r"is not a run folder: plan\.toml: No such file"):
        read_run(tmp_path)


def test_plan_with_an_unknown_threshold_is_one_line(tmp_path: Path) -> None:
    plan = msgspec.structs.replace(PLAN, thresholds={"NO_SUCH_CODE": [1.0]})
    with make_folder(tmp_path, plan=plan) as folder, pytest.raises(StoreError, match=r"plan\.toml: .*NO_SUCH_CODE"):
        folder.read()


def test_run_without_finished_blocks_names_the_next_command(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder, pytest.raises(StoreError) as raised:
        folder.read().check_measured()
    assert str(raised.value) == (
        f"{folder.path} has no finished block, so nothing can be reported; "
        f"continue it with: holabench run --resume {folder.path}"
    )


def test_start_time_is_that_of_the_folder_name(folder: RunFolder, tmp_path: Path) -> None:
    stamped = folder.path.rename(tmp_path / "20261122T073100Z-one")
    assert read_run(stamped).started_at == datetime(2026, 11, 22, 7, 31, tzinfo=UTC)


def test_start_time_without_a_stamp_is_that_of_the_plan(folder: RunFolder, tmp_path: Path) -> None:
    renamed = folder.path.rename(tmp_path / "monday")
    os.utime(renamed / "plan.toml", (1e9, 1e9))
    assert read_run(renamed).started_at == datetime.fromtimestamp(1e9, UTC)


def test_start_time_is_the_recorded_one(folder: RunFolder) -> None:
    path = folder.path / "environment.json"
    for recorded, year in (("2025-01-02T03:04:05+00:00", 2025), ("soon", None)):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"started_at": recorded}))
        run = read_run(folder.path)
        assert (run.recorded_start and run.recorded_start.year) == year
        assert year in (None, run.started_at.year)


def test_rates_and_searches_read_back(tmp_path: Path) -> None:
    rate = RateRow("latency", 16, 64, "select/tcp", "common", 48000.0, 24000.0)
    lengths = [
        SliceLengthRow("latency", 16, 64, "select/tcp", 0.0001, 0.025, 0.003, 1, ""),
        SliceLengthRow("latency", 16, 64, "poll/tcp", None, 90.0, 30.0, 8, "a reply takes 30 s"),
    ]
    trial = MaxRateRow(
        scenario="max", connections=16, message_bytes=64, arm="select/tcp", model="select", transport="tcp",
        protocol="echo", objective_p99_us=5000.0, objective_lost_share=0.001, verdict="valid", codes="",
    )  # fmt: skip
    with make_folder(tmp_path) as folder:
        before = folder.read()
        assert before.rates is None
        assert before.max_rate is None
        assert before.slice_lengths is None
        folder.write_calibration([rate], lengths)
        folder.append_max_rates([trial])
        folder.append_max_rates([replace(trial, round=1)])
        run = folder.read()
    assert run.rates == [rate]
    assert run.slice_lengths == lengths
    assert run.max_rate is not None
    assert list(run.max_rate["round"]) == [0, 1]
    run.check_measured()


def test_column_that_earlier_results_lack_is_read_as_empty(folder: RunFolder) -> None:
    path = folder.path / "trials.csv"
    pd.read_csv(path).drop(columns="cpu_source").to_csv(path, index=False)
    assert set(read_run(folder.path).trials["cpu_source"]) == {""}
