import os
import subprocess
import sys

from bench.machine.background_load import BackgroundLoad, background_clocks_ns

SPIN = "import os, time\nos.sched_setaffinity(0, [{cpu}])\nprint('at work', flush=True)\nwhile True: pass"
# A process without a relation to the tests: its parent exits at once, so init adopts it.
ORPHAN = "import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', sys.argv[1]]).pid, flush=True)"


def test_background_clocks_leave_out_own_children() -> None:
    cpu = min(os.sched_getaffinity(0))
    with subprocess.Popen([sys.executable, "-c", SPIN.format(cpu=cpu)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        watched = background_clocks_ns([cpu])
        child.kill()
    assert child.pid not in watched
    assert os.getpid() not in watched
    assert 2 not in watched, "a kernel thread"


def test_background_load_includes_unrelated_process() -> None:
    cpu = min(os.sched_getaffinity(0))
    with subprocess.Popen(
        [sys.executable, "-c", ORPHAN, SPIN.format(cpu=cpu)], stdout=subprocess.PIPE, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert parent.stdout.readline() == b"at work\n"
        parent.wait()
        try:
            background = BackgroundLoad([cpu])
            end_s = os.times().elapsed + 0.3
            while os.times().elapsed < end_s:
                pass
            share = background.share()
            watched = background_clocks_ns([cpu])
        finally:
            os.kill(pid, 9)
    assert pid in watched
    assert share > 0.05
