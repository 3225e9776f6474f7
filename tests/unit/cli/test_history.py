import os
from pathlib import Path

from bench.cli.history import read_summaries
from tests.support import synthetic


def make_folder(path: Path, written_s: float) -> Path:
    """Return the folder of a small run whose plan was written at a time."""
    path.mkdir(parents=True)
    rates = {f"asyncio/{transport}": {16: 3e4} for transport in ("tcp", "udp", "tcp~control", "udp~control")}
    synthetic.write_run(synthetic.make_run(rates, blocks=2, rounds=2), path)
    os.utime(path / "plan.toml", (written_s, written_s))
    return path


def test_summaries_are_ordered_by_start_time_and_labelled_apart(tmp_path: Path) -> None:
    written_s = 1_790_000_000.0  # September 2026
    folders = [
        make_folder(tmp_path / "20261122T073100Z-standard", 0.0),  # the name has the time, not the date of the copy
        make_folder(tmp_path / "reference", written_s),
        make_folder(tmp_path / "b" / "run", written_s - 2),
        make_folder(tmp_path / "a" / "run", written_s - 1),
        make_folder(tmp_path / "20260101T000000Z-standard", written_s),
    ]
    summaries = read_summaries([*folders, folders[1]])
    labels = [run.label for run in summaries]
    assert labels == ["20260101T000000Z-standard", "b/run", "a/run", "reference", "20261122T073100Z-standard"]
