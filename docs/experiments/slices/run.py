"""Measure with slices of different lengths, at the same load for each arm, in random order.

    python docs/experiments/slices/run.py FOLDER [REPEATS]

``summarise.py FOLDER`` then computes the tables. Nothing else may run at the same time.
"""

import random
import subprocess
import sys
from pathlib import Path

PLAN = """
name = "{name}"
models = ["iterative", "thread_per_client", "select", "asyncio", "multiprocessing"]
reference = "asyncio"
control = "asyncio"
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
    """Run every plan."""
    output_dir, repeats = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3
    names = [name for name in SHORT for _ in range(repeats)]
    random.Random(5).shuffle(names)
    output_dir.mkdir(parents=True, exist_ok=True)
    for name in [*names, *LONG]:
        slice_s, warmup_s, seconds = (SHORT | LONG)[name]
        plan = output_dir / f"{name}.toml"
        plan.write_text(PLAN.format(name=name, slice_s=slice_s, warmup_s=warmup_s, seconds=seconds))
        command = [sys.executable, "-m", "bench", "run", str(plan), "--output-dir", str(output_dir)]
        subprocess.run(command, check=False)  # exit code 3: some results are invalid, which the tables show


if __name__ == "__main__":
    main()
