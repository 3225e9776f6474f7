"""Runs with slices of different lengths, at the same load for each arm, in random order.

    python docs/experiments/slices/run.py FOLDER [REPEATS]

Then ``summarise.py FOLDER`` makes the tables. Nothing else may run meanwhile.
"""

import random
import subprocess
import sys
from pathlib import Path

PLAN = """
name = "{name}"
models = ["iterative", "thread_per_client", "select", "asyncio", "multiprocessing"]
reference = "asyncio"
twin = "asyncio"
blocks = 6
slice_s = {slice_s}
slice_warmup_s = {warmup_s}

[[scenarios]]
name = "capacity"
connections = [16]
seconds = {seconds}
"""
SHORT = {
    "s012": (0.0125, 0.003, 0.6),
    "s025": (0.025, 0.003, 0.6),
    "s050": (0.05, 0.003, 0.6),
    "s100": (0.1, 0.003, 0.6),
}
LONG = {"long": (5.0, 0.05, 5.0), "many": (0.05, 0.003, 1.5)}


def main() -> None:
    """Run all."""
    into, repeats = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    names = [name for name in SHORT for _ in range(repeats)]
    random.Random(5).shuffle(names)
    into.mkdir(parents=True, exist_ok=True)
    for name in [*names, *LONG]:
        slice_s, warmup_s, seconds = (SHORT | LONG)[name]
        plan = into / f"{name}.toml"
        plan.write_text(PLAN.format(name=name, slice_s=slice_s, warmup_s=warmup_s, seconds=seconds))
        command = [sys.executable, "-m", "bench", "run", "--profile", str(plan), "--into", str(into)]
        subprocess.run(command, check=False)  # exit code 3: something is invalid, and says so


if __name__ == "__main__":
    main()
