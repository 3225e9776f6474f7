"""Plant more CPU time per request into a server, and see whether ``holabench compare --fail-if`` finds it.

    python docs/experiments/planted_regressions/run.py FOLDER [REPEATS]

A repeat measures a base, then the same server with 0, 5, 10 and 20% more CPU time, in random order, and compares each
with the base. Two repeats take about six minutes, in which nothing else may run. FOLDER receives the runs, gates.csv
(a row for each condition) and changes.csv (a row for each scenario and metric). The table goes to standard output.
"""

import json
import random
import re
import subprocess
import sys
import time
import timeit
from functools import partial
from pathlib import Path

import pandas as pd
from costly_server import burn

SERVER, ARM = "mine", "mine/tcp"
PROTOCOLS = {"capacity": "echo", "sessions": "hola"}  # of the scenarios of quick
PLANTED_PERCENT = (0, 5, 10, 20)
RULES = ("cpu_us_per_request>3%", "cpu_us_per_request>5%", "cpu_us_per_request>10%", "throughput_rps<-5%")
MAX_MINUTES = 10.0  # no repeat begins that would end later
CALLS = 2_000  # of ``burn``, that are timed together
RUN_CODES, COMPARE_CODES = (0, 3), (0, 4, 5)  # 3: some results are invalid; 4: broken; 5: undecided


def measure(output_dir: Path, units: dict[str, int]) -> Path:
    """Run ``quick`` with the server, and return the folder. units: before each reply, by protocol."""
    settings = [f"{protocol}={count}" for protocol, count in units.items()]
    server = " ".join(
        [sys.executable, str(Path(__file__).with_name("costly_server.py")), "{port}", "{protocol}", *settings]
    )
    options = ["--transports", "tcp", "--models", "select,asyncio", "--server", f"{SERVER}={server}"]
    arguments = ["run", "quick", *options, "--no-charts", "--output-dir", str(output_dir)]
    return Path(holabench(*arguments, expected=RUN_CODES).strip())


def compare(base: Path, planted: Path) -> list[dict[str, object]]:
    """Return what ``holabench compare --json`` prints about the server."""
    conditions = [argument for rule in RULES for argument in ("--fail-if", rule)]
    arguments = ["compare", str(base), str(planted), "--arm", ARM, "--json", *conditions]
    return [json.loads(line) for line in holabench(*arguments, expected=COMPARE_CODES).splitlines()]


def holabench(*arguments: str, expected: tuple[int, ...]) -> str:
    """Return what a command prints. Exits if its code is another one."""
    completed = subprocess.run(
        [sys.executable, "-m", "bench", *arguments], check=False, stdout=subprocess.PIPE, text=True
    )
    if completed.returncode not in expected:
        sys.exit(f"holabench {' '.join(arguments)}: exit code {completed.returncode}")
    return completed.stdout


def base_cpu_us(base: Path) -> dict[str, float]:
    """Return the CPU time per request of the server, by protocol."""
    summary = pd.read_csv(base / "summary.csv")
    rows = summary[(summary["arm"] == ARM) & (summary["metric"] == "cpu_us_per_request")]
    return {
        PROTOCOLS[scenario]: float(median) for scenario, median in zip(rows["scenario"], rows["median"], strict=True)
    }


def measure_burn_us(units: int) -> float:
    """Return the CPU time of ``burn`` beyond that of no unit. The shortest of several is the least disturbed."""
    with_units, without = (min(timeit.repeat(partial(burn, count), number=CALLS, repeat=20)) for count in (units, 0))
    return 1e6 * (with_units - without) / CALLS


def units_of(target_us: float) -> int:
    """Return the units that take this long, by bisection.

    The first 256 iterations cost half of the later ones, for which CPython creates integers. So the time of a unit in
    a long loop is not that of a unit in a short one.
    """
    fewest, most = 0, 1
    while measure_burn_us(most) < target_us:
        fewest, most = most, 2 * most
    while most - fewest > 1:
        middle = (fewest + most) // 2
        fewest, most = (middle, most) if measure_burn_us(middle) < target_us else (fewest, middle)
    return most


def planted_units(cpu_us: dict[str, float], percent: int) -> dict[str, int]:
    """Return the units that cost this share of the base, by protocol."""
    return {protocol: units_of(percent / 100 * base_us) if percent else 0 for protocol, base_us in cpu_us.items()}


def gate_rows(lines: list[dict[str, object]], **case: int) -> list[dict[str, object]]:
    """Return a row for each condition. case: columns that all rows have."""
    names = ("rule", "outcome", "comparisons", "broken", "undecided", "largest_detectable_share")
    return [{**case, **{name: line[name] for name in names}} for line in lines if line["type"] == "gate"]


def change_rows(lines: list[dict[str, object]], **case: int) -> list[dict[str, object]]:
    """Return a row for each judged metric of the server. The ratio is the one that decides."""
    metrics = {re.split("[<>]", rule)[0] for rule in RULES}
    judged = ("ratio", "low", "high", "relative_ratio", "relative_low", "relative_high", "relative_to")
    names = ("scenario", "metric", *judged, "detectable_share", "conclusion", "verdict")
    return [
        {**case, **{name: line[name] for name in names}}
        for line in lines
        if line["type"] == "change" and line["arm"] == ARM and line["metric"] in metrics
    ]


def repeat_once(output_dir: Path, repeat: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Measure and compare one repeat. Returns the rows of gates.csv and of changes.csv."""
    base = measure(output_dir, {})
    cpu_us = base_cpu_us(base)
    gates, changes = [], []
    for percent in random.Random(repeat).sample(PLANTED_PERCENT, len(PLANTED_PERCENT)):
        lines = compare(base, measure(output_dir, planted_units(cpu_us, percent)))
        gates += gate_rows(lines, repeat=repeat, planted_percent=percent)
        changes += change_rows(lines, repeat=repeat, planted_percent=percent)
    return gates, changes


def outcome_table(gates: pd.DataFrame) -> str:
    """Return how often each condition had each outcome, in Markdown."""
    lines = ["| planted | " + " | ".join(f"`{rule}`" for rule in RULES) + " |", "|---" * (len(RULES) + 1) + "|"]
    for percent in PLANTED_PERCENT:
        rows = gates[gates["planted_percent"] == percent]
        counts = [rows.loc[rows["rule"] == rule, "outcome"].value_counts() for rule in RULES]
        cells = [", ".join(f"{count} {outcome}" for outcome, count in of_rule.items()) for of_rule in counts]
        lines.append(f"| {percent}% | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run all repeats that fit into the time, and write their rows after each."""
    output_dir, repeats = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
    output_dir.mkdir(parents=True, exist_ok=True)
    started_s, gates, changes = time.monotonic(), [], []
    for repeat in range(1, repeats + 1):
        elapsed_minutes = (time.monotonic() - started_s) / 60
        if repeat > 1 and elapsed_minutes * repeat / (repeat - 1) > MAX_MINUTES:
            sys.stderr.write(f"repeat {repeat} would end after {MAX_MINUTES:g} minutes, so it is left out\n")
            break
        new_gates, new_changes = repeat_once(output_dir, repeat)
        gates += new_gates
        changes += new_changes
        pd.DataFrame(gates).to_csv(output_dir / "gates.csv", index=False, float_format="%.4g")
        pd.DataFrame(changes).to_csv(output_dir / "changes.csv", index=False, float_format="%.4g")
    sys.stdout.write(outcome_table(pd.DataFrame(gates)) + "\n")


if __name__ == "__main__":
    main()
