import errno
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from bench.plan.definition import Plan
from bench.schema.rows import HistogramRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store.run_folder import BlockRows, RunFolder, StoreError

RAW = ["slices.csv", "histograms.csv", "resources.csv", "rounds.csv", "trials.csv"]
PLAN: Plan = msgspec.convert(
    {
        "name": "one",
        "models": ["select"],
        "transports": ["tcp"],
        "baseline": "none",
        "control": "none",
        "seed": 7,
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
        model="select", transport="tcp", protocol="echo", python="", scenario_kind="capacity", loop="closed",
        lifecycle="persistent", depth=1,
        workers=1, server_cpus="1", generator_cpus="0", status="ok", reason="", mean_throughput_rps=1234.5,
    )  # fmt: skip
    slice_ = SliceRow(
        **load,  # type: ignore[arg-type]
        round=0, position=0, duration_s=0.045, scheduled=None, unsent=0, sent=10, replies=9, answered=10,
        sessions=0, late=0, lost=0, corrupt=0, throughput_rps=200.0, sessions_per_s=None, service_p50_us=50.0,
        service_p99_us=None, latency_p50_us=None, latency_p99_us=None, server_cpu_us=100.0, generator_cpu_us=50.0,
        generator_cpu_share=0.1, run_delay_share=0.0,
        codes="",
    )  # fmt: skip
    histogram = HistogramRow(**load, quantity="service", lower_ns=1, upper_ns=2, count=9)  # type: ignore[arg-type]
    resource = ResourceRow(
        **load,  # type: ignore[arg-type]
        round=0, role="server", cpu_us=1.0, rss_mb=1.0, threads=1, processes=1, descriptors=5, switches=None,
    )  # fmt: skip
    round_ = RoundRow(
        block=block, round=0, scenario="capacity", connections=16, message_bytes=64, probe_us=200.0, probe_ratio=1.0,
        steal_share=0.0, run_delay_share=0.0, pressure_share=None, disturbed=False,
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
    assert list(trials["mean_throughput_rps"]) == [1234.5, 1234.5]
    assert list(trials["reason"]) == ["", ""]
    assert list(slices["service_p50_us"]) == [50.0, 50.0]
    assert slices["service_p99_us"].isna().all()
    assert folder.plan() == PLAN
    assert folder.environment()["machine"] == {}


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


def test_a_link_in_a_folder_is_refused_before_anything_is_read_or_written(folder: RunFolder, tmp_path: Path) -> None:
    (folder.path / "environment.json").write_text('{"schema": 1}')
    (tmp_path / "mine").write_text("precious")
    (folder.path / "report.md").symlink_to(tmp_path / "mine")
    with pytest.raises(StoreError, match=r"'report\.md' is a link"):
        RunFolder.open(folder.path)
    (folder.path / "report.md").unlink()
    os.mkfifo(folder.path / "rates.csv")
    with pytest.raises(StoreError, match=r"'rates\.csv' is a link, or no ordinary file"):
        RunFolder.open(folder.path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
        ("[1]", "is not what a run writes there"),
        ('{"schema": "\\u001b[2J\\nx", "holabench": "y"}', "has the schema \ufffd[2J x"),
    ],
)
def test_an_environment_that_no_run_wrote_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "environment.json").write_text(text)
    with pytest.raises(StoreError) as raised:
        RunFolder.open(tmp_path)
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


def _with(column: str, value: str) -> Callable[[str], str]:
    def changed(text: str) -> str:
        head, row = text.splitlines()
        cells = row.split(",")
        cells[head.split(",").index(column)] = value
        return f"{head}\n{','.join(cells)}\n"

    return changed


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("trials.csv", lambda text: text.replace("arm", "leg", 1), "has no column 'arm'"),
        ("trials.csv", _with("block", "zero"), "has 'zero' as block in line 2, where a number belongs"),
        ("trials.csv", _with("block", ""), "has nothing as block in line 2, where a number belongs"),
        ("trials.csv", _with("connections", "1e300"), "as connections in line 2, where a whole number belongs"),
        ("trials.csv", _with("connections", "17"), "has rows of 'capacity' with 17 connections and 64 bytes"),
        ("trials.csv", _with("mean_throughput_rps", "fast"), "has 'fast' as mean_throughput_rps in line 2"),
        ("trials.csv", _with("mean_throughput_rps", "inf"), "where a finite number belongs"),
        ("trials.csv", _with("latency_p99_us", "-inf"), "where a finite number belongs"),
        ("slices.csv", _with("server_cpu_us", "inf"), "where a finite number belongs"),
        ("slices.csv", _with("server_cpu_us", "\x1b[2J"), "has '\\x1b[2J' as server_cpu_us in line 2"),
        ("slices.csv", lambda text: text.replace("codes", "code"), "has no column 'codes'"),
        ("histograms.csv", _with("upper_ns", "inf"), "as upper_ns in line 2, where a finite number belongs"),
        ("histograms.csv", _with("block", "99999999999"), "histograms.csv cannot be read"),
        ("rounds.csv", _with("disturbed", "perhaps"), "has 'perhaps' as disturbed in line 2, where yes or no belongs"),
    ],
)
def test_what_cannot_stand_in_a_column_is_one_line(
    folder: RunFolder, name: str, change: Callable[[str], str], said: str
) -> None:
    folder.append(rows(0))
    path = folder.path / name
    path.write_text(change(path.read_text()))
    with pytest.raises(StoreError) as raised:
        folder.finished(name.removesuffix(".csv"))
    assert said in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_percentile_that_was_lost_is_infinite_and_comes_back_so(folder: RunFolder) -> None:
    whole = rows(0)
    lost = [replace(trial, latency_p99_us=math.inf, service_max_us=math.inf) for trial in whole.trials]
    slices = [replace(one, service_p50_us=math.inf) for one in whole.slices]
    folder.append(replace(whole, trials=lost, slices=slices))
    trials = folder.trials()
    assert trials[["latency_p99_us", "service_max_us"]].eq(math.inf).all(axis=None)
    assert folder.finished("slices")["service_p50_us"].eq(math.inf).all()


def _two_blocks_and_a_torn_one(folder: RunFolder) -> dict[str, bytes]:
    for block in (0, 1):
        trial = rows(block).trials[0]
        folder.append(replace(rows(block), trials=[replace(trial, sent=10)]))
    whole = {name: (folder.path / name).read_bytes() for name in RAW}
    folder.append(replace(rows(2), trials=[]))
    return whole


def _reopened(folder: RunFolder) -> list[str]:
    return RunFolder(folder.path).reopen()


def test_what_a_run_left_unfinished_is_cut_off_and_the_rest_stays_byte_for_byte(folder: RunFolder) -> None:
    whole = _two_blocks_and_a_torn_one(folder)
    with (folder.path / "slices.csv").open("ab") as file:
        file.write(b"2,0,to")
    folder.release()
    assert [line.partition(":")[0] for line in _reopened(folder)] == RAW[:-1]
    assert {name: (folder.path / name).read_bytes() for name in RAW} == whole


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "plan.toml",
            lambda text: text.replace(b'"select"', b'"select", "poll"'),
            "is not the plan that this run began",
        ),
        ("slices.csv", lambda text: text[: text.index(b"\n1,") + 1], "has no rows of finished block 1"),
        ("slices.csv", lambda text: text.replace(b",10,9,10,", b",7,6,7,", 1), "lacks rows of select/tcp in finished"),
        ("slices.csv", lambda text: text[: text.index(b"\n1,") + 9], "has no rows of finished block 1"),
        ("histograms.csv", None, "is missing, and finished blocks have rows there"),
        ("resources.csv", lambda text: text.partition(b"\n")[2], "does not begin with the names of its columns"),
        (
            "trials.csv",
            lambda text: text[: text.index(b"\n1,") + 1] + text[text.index(b"\n1,") + 1 :] * 2,
            "has 2 rows",
        ),
    ],
)
def test_a_folder_that_no_cut_left_like_this_is_refused_and_stays_as_it_is(
    folder: RunFolder, name: str, change: Callable[[bytes], bytes] | None, said: str
) -> None:
    _two_blocks_and_a_torn_one(folder)
    folder.release()
    path = folder.path / name
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    before = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    with pytest.raises(StoreError) as raised:
        _reopened(folder)
    assert said in str(raised.value)
    assert {file.name: file.read_bytes() for file in folder.path.iterdir()} == before


def test_a_line_that_is_torn_inside_a_finished_block_is_not_mended(folder: RunFolder) -> None:
    _two_blocks_and_a_torn_one(folder)
    folder.release()
    path = folder.path / "rounds.csv"
    text = path.read_bytes()
    path.write_bytes(text[: text.index(b"\n2,")] + b"\n1,0,capa")
    with pytest.raises(StoreError, match=r"rounds\.csv ends within line 4, which belongs to finished block 1"):
        _reopened(folder)


def test_a_finished_open_loop_is_not_loaded_at_rates_found_anew(folder: RunFolder) -> None:
    trial = rows(0).trials[0]
    folder.append(replace(rows(0), trials=[replace(trial, rate_rps=100.0)]))
    folder.release()
    with pytest.raises(StoreError, match=r"rates\.csv is missing, and finished blocks were loaded at its rates"):
        _reopened(folder)


def test_a_plan_without_its_seed_is_that_of_no_run(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, msgspec.structs.replace(PLAN, seed=None), {})
    with pytest.raises(StoreError, match=r"plan\.toml has no seed"):
        folder.plan()


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
