import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from bench.plan import Plan
from bench.records import HistogramRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store import BlockRows, RunFolder, StoreError

RAW = ["slices.csv", "histograms.csv", "resources.csv", "rounds.csv", "trials.csv"]
PLAN: Plan = msgspec.convert(
    {
        "name": "one",
        "models": ["select"],
        "transports": ["tcp"],
        "limit": "",
        "scenarios": [{"name": "capacity", "connections": [16], "seconds": 0.1}],
    },
    Plan,
)


def rows(block: int) -> BlockRows:
    load: dict[str, object] = {
        "block": block,
        "arm": "select/tcp",
        "scenario": "capacity",
        "connections": 16,
        "message_bytes": 64,
    }
    load |= {"rate_rps": None}
    trial = TrialRow(
        **load,  # type: ignore[arg-type] # the factors, as every row has them
        model="select", transport="tcp", protocol="echo", python="", loop="closed", lifecycle="persistent", depth=1,
        workers=1, server_cpus="1", client_cpus="0", status="ok", reason="", throughput_rps=1234.5,
    )  # fmt: skip
    slice_ = SliceRow(
        **load,  # type: ignore[arg-type]
        round=0, position=0, duration_s=0.045, scheduled=None, unsent=0, sent=10, replies=9, answered=10,
        sessions=0, late=0, lost=0, corrupt=0, throughput_rps=200.0, sessions_per_s=None, service_p50_us=50.0,
        service_p99_us=None, latency_p50_us=None, latency_p99_us=None, server_cpu_us=100.0, client_cpu_us=50.0,
        client_cpu_share=0.1, run_delay_share=0.0,
        codes="",
    )  # fmt: skip
    histogram = HistogramRow(**load, quantity="service", lower_ns=1, upper_ns=2, count=9)  # type: ignore[arg-type]
    resource = ResourceRow(
        **load,  # type: ignore[arg-type]
        round=0, role="server", cpu_us=1.0, rss_mb=1.0, threads=1, processes=1, descriptors=5, switches=None,
    )  # fmt: skip
    round_ = RoundRow(
        block=block, round=0, scenario="capacity", connections=16, message_bytes=64, canary_us=200.0, canary_share=1.0,
        stolen_share=0.0, run_delay_share=0.0, pressure_share=None, spoiled=False,
    )  # fmt: skip
    return BlockRows([slice_], [histogram], [resource], [round_], [trial])


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, PLAN, {"machine": {}})


def test_finished_blocks_read_back_as_they_were(folder: RunFolder) -> None:
    folder.append(rows(0))
    folder.append(rows(1))
    trials, slices = folder.trials(), folder.finished("slices")
    assert list(trials["block"]) == [0, 1]
    assert list(trials["throughput_rps"]) == [1234.5, 1234.5]
    assert list(trials["reason"]) == ["", ""]
    assert list(slices["service_p50_us"]) == [50.0, 50.0]
    assert slices["service_p99_us"].isna().all()
    assert folder.plan() == PLAN
    assert folder.environment() == {"machine": {}}


def test_a_block_without_its_trials_is_not_read(folder: RunFolder) -> None:
    folder.append(rows(0))
    unfinished = rows(1)
    folder.append(replace(unfinished, trials=[]))
    assert list(folder.finished("slices")["block"]) == [0]


def test_a_run_cut_off_while_it_wrote_loses_that_block_alone(folder: RunFolder) -> None:
    folder.append(rows(0))
    whole = (folder.path / "trials.csv").read_bytes()
    folder.append(rows(1))
    complete = (folder.path / "trials.csv").read_bytes()
    for size in range(len(whole), len(complete)):  # cut off after every single byte
        (folder.path / "trials.csv").write_bytes(complete[:size])
        assert list(folder.trials()["block"]) == [0]
        assert list(folder.finished("slices")["block"]) == [0]


def test_what_a_folder_tells_does_nothing_to_a_terminal(folder: RunFolder) -> None:
    told = rows(0)
    folder.append(replace(told, trials=[replace(told.trials[0], reason="its words:\n\x1b[2Jred \u202e\x07caf\u00e9")]))
    assert list(folder.trials()["reason"]) == ["its words: \ufffd[2Jred \ufffd\ufffdcaf\u00e9"]


def test_rows_of_an_arm_that_the_plan_does_not_name_are_refused(folder: RunFolder) -> None:
    told = rows(0)
    folder.append(replace(told, trials=[replace(told.trials[0], arm="[/]")]))
    with pytest.raises(StoreError, match=r"trials\.csv has rows of '\[/\]', which is no arm of plan\.toml"):
        folder.trials()


def test_a_block_that_lacks_a_case_is_not_read(tmp_path: Path) -> None:
    two = msgspec.structs.replace(PLAN, transports=("tcp", "udp"))
    folder = RunFolder.create(tmp_path, two, {})
    folder.append(rows(0))  # the rows of one arm only
    assert folder.trials().empty


@pytest.mark.parametrize("file", RAW)
def test_a_full_disk_is_one_line_and_leaves_finished_blocks_whole(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    folder.append(rows(0))
    before = (folder.path / file).read_bytes()
    number = RAW.index(file)
    synced = 0
    sync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal synced
        if synced == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        synced += 1
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=rf"{file}: No space left on device; finished blocks are safe"):
        folder.append(rows(1))
    assert (folder.path / file).read_bytes() == before
    assert list(folder.trials()["block"]) == [0]


def test_two_runs_of_one_second_get_two_folders(tmp_path: Path) -> None:
    assert len({RunFolder.create(tmp_path, PLAN, {}).path for _ in range(3)}) == 3


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make a results folder in"):
        RunFolder.create(tmp_path / "file" / "below", PLAN, {})


def test_what_is_not_a_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is not a run's folder: plan\.toml: No such file"):
        RunFolder(tmp_path).plan()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("summary.csv", lambda folder: folder.write_table("summary.csv", pd.DataFrame({"a": [1]}))),
        ("report.md", lambda folder: folder.write_text("report.md", "text")),
        ("charts/throughput.png", lambda folder: folder.write_chart("throughput", b"png", b"svg")),
    ],
)
def test_a_full_disk_is_told_in_one_line_when_a_report_is_written(
    tmp_path: Path, name: str, write: Callable[[RunFolder], object]
) -> None:
    (tmp_path / "charts").mkdir()
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(
        StoreError, match="No space left on device; nothing measured is lost; once it can be: holabench"
    ):
        write(RunFolder(tmp_path))
