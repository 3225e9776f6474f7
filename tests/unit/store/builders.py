"""A small run folder: one arm, one load point, any number of blocks."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bench.plan.definition import Plan
from bench.schema.csv_schema import HistogramRow, ResourceRow, RoundRow, SliceRow, TrialRow
from bench.store.file_names import OF_SOME_LOADS, RAW_TABLES, is_compressed
from bench.store.gzip_members import compress_member, whole_members
from bench.store.run_folder import BlockRows, RunFolder

ENVIRONMENT: dict[str, Any] = {"schema": 2, "holabench": {"version": "0"}, "machine": {}}
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


WITHOUT_PHASES = [name for name in RAW_TABLES if name not in OF_SOME_LOADS]  # the tables that have rows of such a block


def make_block(block: int, **trial_values: Any) -> BlockRows:
    """Return the rows of one block. trial_values: other values of its trial."""
    load: dict[str, Any] = {
        "block": block,
        "arm": "select/tcp",
        "scenario": "capacity",
        "connections": 16,
        "message_bytes": 64,
        "rate_rps": None,
    }
    trial = TrialRow(
        **load, model="select", transport="tcp", protocol="echo", python="", scenario_kind="capacity", loop="closed",
        lifecycle="persistent", depth=1, workers=1, server_cpus="1", generator_cpus="0", status="ok", reason="",
        mean_throughput_rps=1234.5,
    )  # fmt: skip
    slice_row = SliceRow(
        **load, round=0, position=0, duration_s=0.045, scheduled=None, unsent=0, sent=10, replies=9, answered=10,
        sessions=0, late=0, given_up=0, corrupt=0, throughput_rps=200.0, sessions_per_s=None, service_p50_us=50.0,
        service_p99_us=None, latency_p50_us=None, latency_p99_us=None, server_cpu_us=100.0, generator_cpu_us=50.0,
        generator_cpu_share=0.1, run_delay_share=0.0, codes="",
    )  # fmt: skip
    resource = ResourceRow(
        **load, round=0, role="server", cpu_us=1.0, rss_mb=1.0, threads=1, processes=1, descriptors=5, switches=None,
    )  # fmt: skip
    round_row = RoundRow(
        block=block, round=0, scenario="capacity", connections=16, message_bytes=64, probe_us=200.0, probe_ratio=1.0,
        steal_share=0.0, max_run_delay_share=0.0, pressure_share=None, disturbed=False,
    )  # fmt: skip
    histogram = HistogramRow.of_slots(load, "service", [(1, 1, 5), (2048, 2063, 4)])
    return BlockRows([slice_row], [histogram], [resource], [round_row], [replace(trial, **trial_values)])


def make_folder(parent: Path, blocks: int = 0, plan: Plan = PLAN) -> RunFolder:
    """Return a locked run folder with a number of finished blocks."""
    folder = RunFolder.create(parent, plan, ENVIRONMENT)
    if blocks:
        folder.write_calibration([], [])
    for block in range(blocks):
        folder.append(make_block(block, sent=10))
    return folder


def make_interrupted_folder(parent: Path) -> tuple[Path, dict[str, bytes]]:
    """Return an unlocked folder with two finished blocks and an unfinished one, and its files before the latter."""
    with make_folder(parent, blocks=2) as folder:
        finished = read_files(folder.path)
        folder.append(replace(make_block(2), trials=[]))
    return folder.path, finished


def read_files(path: Path) -> dict[str, bytes]:
    """Return the content of every file of a folder."""
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def edit_text(path: Path, change: Callable[[str], str]) -> None:
    """Change the text of a table; a compressed one keeps a member for each of its members."""
    data = path.read_bytes()
    if not is_compressed(path.name):
        path.write_bytes(change(data.decode()).encode())
        return
    header, *rows = (member.text.decode() for member in whole_members(data))
    changed_header, line_break, changed_rows = change(header + "".join(rows)).partition("\n")
    members = [changed_header + line_break, *changed_rows.splitlines(keepends=True)]
    path.write_bytes(b"".join(compress_member(text.encode()) for text in members))


def with_cell(column: str, value: str) -> Callable[[str], str]:
    """Return a change that sets a cell of the only row of a table."""

    def change(text: str) -> str:
        header, row = text.splitlines()
        cells = row.split(",")
        cells[header.split(",").index(column)] = value
        return f"{header}\n{','.join(cells)}\n"

    return change
