"""Make a large run from a measured one: its raw files with more blocks and more scenarios.

Example: python -m tests.support.multiplied_run results/reference large --blocks 30 --scenario-copies 3
"""

import argparse
import csv
import gzip
import io
import json
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import tomli_w

from bench.store import file_names
from bench.store.gzip_members import compress_member

Row = list[str]


def multiply_run(source: Path, target: Path, *, blocks: int, scenario_copies: int = 1) -> None:
    """Write the folder of a run with the number of blocks, and with copies of each scenario.

    source: a complete run. Its blocks are repeated in turns. The first copy of a scenario keeps the name. Derived files
    are left out. Raises FileExistsError if the target exists.
    """
    target.mkdir(parents=True)
    shutil.copyfile(source / file_names.ENVIRONMENT, target / file_names.ENVIRONMENT)
    (target / file_names.COMPLETE).write_text(json.dumps({"blocks": blocks}))
    plan = tomllib.loads((source / file_names.PLAN).read_text())
    source_blocks = int(plan["blocks"])
    scenarios = [
        scenario | {"name": _copy_name(scenario["name"], copy)}
        for copy in range(scenario_copies)
        for scenario in plan["scenarios"]
    ]
    (target / file_names.PLAN).write_text(tomli_w.dumps(plan | {"blocks": blocks, "scenarios": scenarios}))
    for name in (*file_names.RAW_TABLES, file_names.RATES, file_names.SLICE_LENGTHS):
        if (source / name).exists():
            header, rows = _read(source / name)
            of_all_scenarios = list(_with_copies(rows, header.index("scenario"), scenario_copies))
            if name in file_names.RAW_TABLES:
                of_all_scenarios = list(_with_blocks(of_all_scenarios, source_blocks, blocks))
            _write(target / name, [header, *of_all_scenarios])


def _copy_name(scenario: str, copy: int) -> str:
    return f"{scenario}_{copy}" if copy else scenario


def _with_copies(rows: list[Row], column: int, copies: int) -> Iterator[Row]:
    for copy in range(copies):
        for row in rows:
            yield [*row[:column], _copy_name(row[column], copy), *row[column + 1 :]]


def _with_blocks(rows: list[Row], source_blocks: int, blocks: int) -> Iterator[Row]:
    by_block: dict[int, list[Row]] = {}
    for row in rows:
        by_block.setdefault(int(row[0]), []).append(row)
    for block in range(blocks):
        for row in by_block.get(block % source_blocks, []):
            yield [str(block), *row[1:]]


def _read(path: Path) -> tuple[Row, list[Row]]:
    opened: Callable[[Path], bytes] = _decompressed if file_names.is_compressed(path.name) else Path.read_bytes
    header, *rows = csv.reader(io.StringIO(opened(path).decode()))
    return header, rows


def _decompressed(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def _write(path: Path, rows: list[Row]) -> None:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    data = text.getvalue().encode()
    path.write_bytes(compress_member(data) if file_names.is_compressed(path.name) else data)


def main() -> None:
    """Multiply a run from the command line."""
    parser = argparse.ArgumentParser(description=multiply_run.__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--blocks", type=int, required=True)
    parser.add_argument("--scenario-copies", type=int, default=1)
    arguments = parser.parse_args()
    multiply_run(arguments.source, arguments.target, blocks=arguments.blocks, scenario_copies=arguments.scenario_copies)


if __name__ == "__main__":
    main()
