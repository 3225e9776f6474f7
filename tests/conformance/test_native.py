"""The baseline: what makes it the limit of a machine."""

from pathlib import Path

from tests.support.servers import start_server


def test_baseline_has_one_thread() -> None:
    with start_server("native") as server:
        assert len(list(Path(f"/proc/{server.pid}/task").iterdir())) == 1
