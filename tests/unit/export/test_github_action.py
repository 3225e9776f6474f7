import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from bench.export.export import Export, RunFacts
from bench.export.github_action import BIGGER_IS_BETTER, SMALLER_IS_BETTER, to_github_action
from tests.unit.export import builders
from tests.unit.export.builders import ASYNCIO, SELECT, make_figures

REQUIRED = {"name", "unit", "value"}
OPTIONAL = {"range", "extra"}


def parse(exported: Export) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the entries of each file by name, after the checks of the action's ``BenchmarkResult``."""
    files = {}
    for file, text in exported.files.items():
        entries = json.loads(text, parse_constant=pytest.fail)
        for entry in entries:
            assert set(entry) >= REQUIRED
            assert set(entry) <= REQUIRED | OPTIONAL
            assert isinstance(entry["value"], float | int)
            assert all(isinstance(entry[field], str) for field in set(entry) - {"value"})
        files[file] = {entry["name"]: entry for entry in entries}
        assert len(files[file]) == len(entries), "names are unique"
    return files


def test_direction_decides_the_file() -> None:
    files = parse(to_github_action(make_figures(), RunFacts()))
    assert set(files) == {BIGGER_IS_BETTER, SMALLER_IS_BETTER}
    bigger = {name.rpartition(": ")[2] for name in files[BIGGER_IS_BETTER]}
    smaller = {name.rpartition(": ")[2] for name in files[SMALLER_IS_BETTER]}
    assert bigger == {"throughput_rps"}
    assert {"service_p99_us", "memory_mb", "cpu_us_per_request"} <= smaller


def test_entry_has_unit_range_and_verdict() -> None:
    files = parse(to_github_action(make_figures(), RunFacts()))
    entry = files[SMALLER_IS_BETTER][f"{SELECT}: cpu_us_per_request"]
    assert entry["unit"] == "us"
    assert re.fullmatch(r"95% interval [\d.]+ to [\d.]+ us", entry["range"])
    assert entry["extra"] == "verdict: valid\n8 blocks"


def test_range_is_not_taken_for_a_half_width() -> None:
    # The action's own pattern in src/extractRangeInfo.ts; what matches is converted together with the value.
    files = parse(to_github_action(make_figures(), RunFacts()))
    assert not any(
        re.search(r"(\+-|±)\s*\d", entry["range"]) for entries in files.values() for entry in entries.values()
    )


def test_entry_without_interval_has_no_range() -> None:
    files = parse(to_github_action(make_figures(blocks=2), RunFacts()))
    assert "range" not in files[BIGGER_IS_BETTER][f"{ASYNCIO}: throughput_rps"]


def test_suspect_figure_has_its_codes_in_the_tooltip() -> None:
    files = parse(to_github_action(make_figures(select_codes=builders.SUSPECT_CODES), RunFacts()))
    entry = files[BIGGER_IS_BETTER][f"{SELECT}: throughput_rps"]
    assert entry["extra"].startswith("verdict: suspect (RUN_DELAY=2.1%)\n")


def test_invalid_figures_are_listed_but_not_exported() -> None:
    exported = to_github_action(make_figures(select_codes=builders.INVALID_CODES), RunFacts())
    assert not any(SELECT in name for entries in parse(exported).values() for name in entries)
    assert any(note.startswith(f"left out: {SELECT}: throughput_rps") for note in exported.notes)


def test_file_without_entries_is_named() -> None:
    memory = [figure for figure in make_figures() if figure.metric.name == "memory_mb"]
    exported = to_github_action(memory, RunFacts())
    assert parse(exported)[BIGGER_IS_BETTER] == {}
    assert f"{BIGGER_IS_BETTER} has no entries, and the action refuses such a file; remove its step" in exported.notes
