"""The output of a child: only its end is kept, and the file stays small."""

import os
import threading

from bench.experiment.output_file import OutputFile, bound_all, bounding_all
from tests.support.waiting import wait_until

LINES = b"a line of a server that writes a lot\n" * 60_000  # over 2 MB


def size_of(file: OutputFile) -> int:
    return os.fstat(file.fileno()).st_size


def test_every_open_file_is_emptied_and_its_end_is_kept() -> None:
    files = [OutputFile(), OutputFile()]
    for file in files:
        os.write(file.fileno(), LINES + b"the end\n")
    bound_all()
    assert [size_of(file) for file in files] == [0, 0]
    assert all(file.tail().endswith("the end") for file in files)
    assert all(file.total_bytes == len(LINES) + 8 for file in files)
    for file in files:
        file.close()
    bound_all()
    assert files[0].total_bytes == 0


def test_file_is_emptied_while_nobody_asks_for_it() -> None:
    file = OutputFile()
    threads = threading.active_count()
    with bounding_all(look_s=0.001):
        for number in range(3):
            os.write(file.fileno(), LINES)
            wait_until(lambda: size_of(file) == 0, f"the file is empty after write {number}")
    assert threading.active_count() == threads
    # What is written between the count and the emptying is not counted.
    assert 3 * (1 << 20) < file.total_bytes <= 3 * len(LINES)
    counted = file.total_bytes
    os.write(file.fileno(), LINES)
    assert size_of(file) == len(LINES), "nobody looks any more"
    assert file.total_bytes == counted + len(LINES)
    file.close()
