"""Process trees that change while they are read."""

import pytest

from bench.machine import process_list, process_usage
from bench.machine.process_list import settled_descendants
from bench.machine.supervised_tree import SupervisedTree

SUPERVISOR, COMMAND, MIDDLE, DAEMON = 1, 2, 3, 4
BEFORE_EXIT = {SUPERVISOR: [COMMAND], COMMAND: [MIDDLE], MIDDLE: [DAEMON]}
AFTER_EXIT = {SUPERVISOR: [COMMAND, DAEMON]}


class Kernel:
    """Children of processes as the kernel reports them, one lookup after the other.

    states: the state of the tree at each lookup; the last one stays.
    """

    def __init__(self, states: list[dict[int, list[int]]]) -> None:
        self._states = states
        self.lookups = 0

    def children(self, pid: int) -> list[int]:
        state = self._states[min(self.lookups, len(self._states) - 1)]
        self.lookups += 1
        return list(state.get(pid, []))


@pytest.fixture
def moving(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """A kernel in which the daemon moves to the supervisor after the supervisor's children were read."""
    kernel = Kernel([BEFORE_EXIT, BEFORE_EXIT, AFTER_EXIT])
    monkeypatch.setattr(process_list, "_children", kernel.children)
    return kernel


def test_process_that_moves_up_during_a_reading_is_found(moving: Kernel) -> None:
    assert settled_descendants(SUPERVISOR) == ([COMMAND, DAEMON], True)
    assert moving.lookups > 3


def test_tree_that_never_settles_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel([{SUPERVISOR: [pid]} for pid in range(2, 100)])
    monkeypatch.setattr(process_list, "_children", kernel.children)
    found, settled = settled_descendants(SUPERVISOR)
    assert len(found) == 1
    assert not settled


def test_unsettled_list_is_read_again_though_no_process_is_new(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = iter([([COMMAND, MIDDLE], False), ([COMMAND, DAEMON], True)])  # a third reading would raise
    monkeypatch.setattr(process_usage, "newest_pid", lambda: DAEMON)
    monkeypatch.setattr("bench.machine.supervised_tree.settled_descendants", lambda _: next(readings))
    tree = SupervisedTree(SUPERVISOR, None)
    assert [list(tree.pids()) for _ in range(3)] == [[COMMAND, MIDDLE], [COMMAND, DAEMON], [COMMAND, DAEMON]]
