import os
import subprocess
import sys

from bench.machine.background_load import BackgroundLoad, clocks_ns

SPIN = "import os, time\nos.sched_setaffinity(0, [{cpu}])\nprint('at work', flush=True)\nwhile True: pass"
# A process of init's, as those of others are: its parent ends at once.
ORPHAN = "import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', sys.argv[1]]).pid, flush=True)"


def test_a_process_of_our_own_is_not_foreign() -> None:
    cpu = min(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", SPIN.format(cpu=cpu)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        watched = clocks_ns([cpu])
        child.kill()
    assert child.pid not in watched
    assert os.getpid() not in watched
    assert 2 not in watched, "a thread of the kernel"


def test_a_process_of_somebody_else_on_these_cpus_is_foreign() -> None:
    cpu = min(os.sched_getaffinity(0))
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, SPIN.format(cpu=cpu)], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == b"at work\n"
        parent.wait()
        try:
            others = BackgroundLoad([cpu])
            end_s = os.times().elapsed + 0.3
            while os.times().elapsed < end_s:
                pass
            share = others.share()
            watched = clocks_ns([cpu])
        finally:
            os.kill(pid, 9)
    assert pid in watched
    assert share > 0.05
