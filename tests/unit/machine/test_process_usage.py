"""CPU time and memory of a process tree, compared with the reports of its own processes."""

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.machine.process_usage import UNKNOWN, ProcessTree, switches_between
from tests.support.waiting import wait_until

# Burns 30 ms in a thread that ends, and 30 ms in a child that stays; then prints the CPU time of both processes.
_BURNER = """
import os, sys, threading, time
def burn():
    end = time.thread_time() + 0.03
    while time.thread_time() < end: pass
sys.stdin.readline()
reader, writer = os.pipe()
if os.fork() == 0:
    burn()
    os.write(writer, str(time.process_time_ns()).encode())
    time.sleep(60)
thread = threading.Thread(target=burn); thread.start(); thread.join()
child = int(os.read(reader, 100))
print(time.process_time_ns() + child, flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-W", "ignore", "-c", _BURNER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        yield process
        os.killpg(process.pid, signal.SIGKILL)


def test_cpu_time_counts_ended_threads_and_children(burner: subprocess.Popen[str]) -> None:
    assert burner.stdin is not None
    assert burner.stdout is not None
    tree = ProcessTree(burner.pid)
    burner.stdin.write("\n")
    burner.stdin.flush()
    reported_ns = int(burner.stdout.readline())
    # Python's join returns a moment before the kernel's thread has ended.
    wait_until(lambda: tree.usage().threads == 2, "the thread has ended")
    usage = tree.settled_usage()
    assert usage.processes == 2
    assert usage.cpu_ns >= 60_000_000
    assert reported_ns <= usage.cpu_ns <= reported_ns + 50_000_000  # printing took less than both burns
    memory_mb = tree.memory_mb()
    assert memory_mb is not None
    assert 0 < memory_mb < usage.rss_mb  # the two share most of their pages


def test_cpu_time_of_ended_child_is_exact_to_two_ticks() -> None:
    code = """
import os, sys, time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
sys.stdin.readline()
for _ in range(3):
    if os.fork() == 0:
        burn(0.1); os._exit(0)
    os.wait()
print(flush=True)
sys.stdin.readline()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        tree = ProcessTree(process.pid)
        before_ns = tree.settled_usage().cpu_ns
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        used_ns = tree.settled_usage().cpu_ns - before_ns
        process.stdin.write("\n")
    assert 300_000_000 - 20_000_000 <= used_ns <= 400_000_000


def test_idle_tree_has_no_switches(burner: subprocess.Popen[str]) -> None:
    assert burner.stdin is not None
    assert burner.stdout is not None
    burner.stdin.write("\n")
    burner.stdin.flush()
    burner.stdout.readline()
    tree = ProcessTree(burner.pid)
    usages = [tree.usage()]
    while True:  # until it has gone to sleep
        usages.append(tree.usage())
        if usages[-1].cpu_ns == usages[-2].cpu_ns:
            break
    assert switches_between(usages[-2], usages[-1]) == 0


def test_switches_are_unknown_if_threads_start_or_end() -> None:
    usage = ProcessTree(1).usage()
    more = type(usage)(0, 0.0, 1, 1, 0, {**usage.runs, (1, 10**9): 5})
    assert switches_between(usage, more) is None


def test_usage_of_ended_process_is_empty() -> None:
    process = subprocess.run([sys.executable, "-c", ""], check=True)
    assert process.returncode == 0
    assert ProcessTree(2**22 + 1).usage().processes == 0
    assert ProcessTree(2**22 + 1).memory_mb() is None


_FORGETS_CHILDREN = """
import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(flush=True)
sys.stdin.readline()
if os.fork() == 0:
    os._exit(0)
print(flush=True)
sys.stdin.readline()
"""


def test_cpu_time_is_unknown_where_kernel_forgets_children() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", _FORGETS_CHILDREN], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        tree = ProcessTree(process.pid)
        assert tree.usage().cpu_ns > 0  # of the process itself, which is known
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        usage = tree.settled_usage()
        assert (math.isnan(usage.cpu_ns), usage.cpu_source) == (True, UNKNOWN)
        assert usage.rss_mb > 0
        assert tree.usage().cpu_source == UNKNOWN  # from now on an unknown part is missing
        process.stdin.write("\n")


_FORKS_MANY = """
import os, signal, sys
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        signal.pause()
print(flush=True)
signal.pause()
"""


def test_tree_of_a_thousand_processes_is_complete() -> None:
    command = [sys.executable, "-c", _FORKS_MANY, "1000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            usage = ProcessTree(process.pid).usage()
        finally:
            os.killpg(process.pid, signal.SIGKILL)
    assert (usage.processes, usage.threads) == (1001, 1001)
