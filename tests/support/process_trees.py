"""Small programs that start processes in every way that a server may choose.

Each program waits until the file in its first argument exists, and then burns CPU time in one of its processes. This
process prints a line when it has done so.
"""

BURN_NS = 100_000_000

_PRELUDE = f"""
import os, signal, sys, threading, time

def burn():
    end_ns = time.process_time_ns() + {BURN_NS}
    while time.process_time_ns() < end_ns:
        pass

def burn_and_stay():
    await_start()
    burn()
    print("done", flush=True)
    signal.pause()

def await_start():
    while not os.path.exists(sys.argv[1]):
        time.sleep(0.005)
"""

# Programs whose burning process stays alive.
STAYING = {
    "a child of a thread": """
def fork():
    if os.fork() == 0:
        burn_and_stay()
    signal.pause()
threading.Thread(target=fork).start()
""",
    "a daemon": """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        burn_and_stay()
    os._exit(0)
signal.pause()
""",
    "a daemon whose starter has ended": """
if os.fork() == 0:
    os.setsid()
    burn_and_stay()
""",
    "a new program": """
if os.fork() == 0:
    os.setpgid(0, 0)
    os.execv(sys.executable, [sys.executable, "-c", open(sys.argv[2]).read() + "burn_and_stay()", *sys.argv[1:]])
signal.pause()
""",
    "a worker whose predecessor has ended": """
if os.fork() == 0:
    os._exit(1)
os.wait()
if os.fork() == 0:
    burn_and_stay()
signal.pause()
""",
}

# Programs whose burning process has ended when it has printed its line.
ENDING = {
    "a child that was waited for": """
await_start()
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()
print("done", flush=True)
signal.pause()
""",
    "an orphan": """
await_start()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        burn()
        print("done", flush=True)
    os._exit(0)
signal.pause()
""",
}

FORGETS = """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
await_start()
if os.fork() == 0:
    burn()
    os._exit(0)
try:
    os.wait()
except ChildProcessError:  # raised once the child has ended
    print("done", flush=True)
signal.pause()
"""


def make_program(body: str) -> str:
    """Return the source of a program."""
    return _PRELUDE + body


PRELUDE = _PRELUDE
