"""Exported files, read back with other tools."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from clients.engine.histogram_slots import HIGHEST_NS, SLOTS, slot
from clients.export import encode_hdr
from clients.histogram import highest_ns
from tests.support.commands import run_python as python
from tests.support.servers import start_server as server

COLUMNS = ["connection", "outcome", "number", "intended_ns", "ready_ns", "sent_ns", "received_ns"]


@pytest.mark.parametrize("used", [[], [0], [5], [0, 1, 2, 9000], [slot(HIGHEST_NS)]])
def test_encode_hdr_is_decoded_by_hdrhistogram(used: list[int]) -> None:
    counts = np.zeros(SLOTS, np.int64)
    counts[used] = np.arange(1, len(used) + 1) * 1000
    decoded = HdrHistogram.decode(encode_hdr(counts))
    assert decoded.get_total_count() == counts.sum()
    for position in used:
        value = int(highest_ns(np.array([position]))[0])
        assert decoded.get_count_at_value(min(value, HIGHEST_NS)) == counts[position]


def test_load_exports_histogram_and_time_stamps(tmp_path: Path) -> None:
    log, table, array = tmp_path / "a.hlog", tmp_path / "a.csv", tmp_path / "a.npy"
    with server("select", "tcp") as ready:
        url = f"tcp://127.0.0.1:{ready['port']}"
        options = ["--rate", "500", "--seconds", "0.4", "--warmup", "0", "--json", "-", "--connections", "4"]
        for raw in (table, array):
            ended = python("-m", "clients", "load", url, *options, "--raw", str(raw), "--hdr", str(log))
            assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    reader = HistogramLogReader(str(log), HdrHistogram(1, HIGHEST_NS, 3))
    decoded = reader.get_next_interval_histogram()
    reader.input_file.close()
    assert decoded.get_total_count() == document["latency_us"]["count"]
    assert decoded.get_value_at_percentile(50) / 1e3 == pytest.approx(document["latency_us"]["p50"], rel=0.001)
    assert list(pd.read_csv(table).columns) == COLUMNS
    rows = np.load(array)
    assert list(rows.dtype.names) == COLUMNS
    assert len(rows) == document["sent"] == document["scheduled"]
    latency_us = np.sort(rows["received_ns"] - rows["intended_ns"]) / 1e3
    assert latency_us[-1] == pytest.approx(document["latency_us"]["max"], rel=0.001)


def test_raw_export_limits_rows_and_rejects_unknown_suffix(tmp_path: Path) -> None:
    with server("select", "udp") as ready:
        url = f"udp://127.0.0.1:{ready['port']}"
        file = tmp_path / "a.npy"
        ended = python("-m", "clients", "load", url, "--seconds", "0.2", "--raw", str(file), "--raw-rows", "10")
        assert ended.returncode == 0, ended.stderr
        assert len(np.load(file)) == 10
        refused = python("-m", "clients", "load", url, "--raw", str(tmp_path / "a.txt"))
        assert refused.returncode == 2
        assert "must end in .npy or .csv" in refused.stderr
        full = python("-m", "clients", "load", url, "--seconds", "0.2", "--hdr", "/dev/full")
        assert full.returncode == 1
        assert "No space left on device; the result is printed above" in full.stderr
        assert "requests/s" in full.stdout


def test_heat_map_is_written_as_table_and_picture(tmp_path: Path) -> None:
    with server("select", "tcp") as ready:
        url = f"tcp://127.0.0.1:{ready['port']}"
        options = ["--rate", "500", "--seconds", "0.4", "--warmup", "0", "--json", "-"]
        for name in ("a.csv", "a.svg", "a.png"):
            ended = python("-m", "clients", "load", url, *options, "--heat-map", str(tmp_path / name))
            assert ended.returncode == 0, ended.stderr
            if name == "a.csv":
                document = json.loads(ended.stdout)
    table = pd.read_csv(tmp_path / "a.csv")
    assert table["requests"].sum() == document["scheduled"]
    assert table["start_s"].nunique() > 50
    assert len(document["windows"]) == 20
    assert sum(window["replies"] for window in document["windows"]) == document["ledger"]["ok"]
    assert (table["lower_ns"] <= table["upper_ns"]).all()
    assert "when the request was due (s)" in (tmp_path / "a.svg").read_text()
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_heat_map_rejects_unknown_suffix(tmp_path: Path) -> None:
    refused = python("-m", "clients", "load", "tcp://127.0.0.1:9", "--heat-map", str(tmp_path / "a.txt"))
    assert refused.returncode == 2
    assert "must end in .svg, .png or .csv" in refused.stderr
