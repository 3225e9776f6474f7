"""The page ``docs/csv-columns.md``, generated from the rows of every table. Pure."""

from bench.schema.column_docs import Column, ColumnSpec, columns_of
from bench.schema.metrics import METRICS
from bench.store import file_names

_INTRODUCTION = """\
# CSV columns

Every column of every table in a run folder. [results/README.md](../results/README.md) lists the files.
`python docs/generate_reference.py` writes this page from the row types in `bench/schema/`.

- Names end in their unit: `_us` microseconds, `_ns` nanoseconds, `_s` seconds, `_rps` requests per second, `_mb`
  megabytes. A *share* is a number from 0 to 1, where 1 means all.
- One name has one meaning in all tables. It is about the load of its row: a slice, a trial, or a trial of a search.
- An empty cell is a value that does not exist or is unknown.
- `inf` in a percentile means that too many requests were never answered.
- Text that a spreadsheet would take for a formula starts with an apostrophe.
- `summary.csv` and `comparisons.csv` are the only tables with intervals.
- An older run of the same schema may lack a column, which is then read as empty. `lost` in its slices is now
  `given_up`, and `run_delay_share` in its rounds is now `max_run_delay_share`.

Contents:

"""

_FILES = {
    file_names.SUMMARY: "One metric of one arm at one load point, over all blocks.",
    file_names.COMPARISONS: "Two arms at one load point, compared over all blocks.",
    file_names.RECOVERY: "How often one arm recovered from one overload, over all blocks. Only in runs with overloads.",
    file_names.TRIALS: "One arm at one load point in one block: all of its slices. Failed and skipped cases too.",
    file_names.SLICES: "One slice: a short stretch of load on one arm.",
    file_names.ROUNDS: "The machine during one round, i.e. one slice of every arm.",
    file_names.RESOURCES: "The resources of the server or of the generator at the end of a slice.",
    file_names.HISTOGRAMS: "One histogram of one trial, in slots two digits wide. "
    "[`bench.load`](python.md) returns one row for each slot.",
    file_names.TIMELINE: "The replies of one population in a short stretch of a load with phases.",
    file_names.LATENCY_WINDOWS: "The latencies of one population in a window of a load with phases, by when the "
    "requests were due in an open loop, and sent in a closed one. "
    "[`bench.load`](python.md) returns one row for each bucket.",
    file_names.GENERATORS: "The part of one of several load generators in one load. Only in runs over several machines "
    "with more than one generator.",
    file_names.REPLAY: "One request of an excerpt of 20 ms, recorded once per run after the timed slices of the "
    "servers. Only if the plan has a closed loop of 2 to 32 persistent TCP connections. At most 30,000 rows.",
    file_names.RATES: "The rate of one arm in an open loop, found by the calibration.",
    file_names.SLICE_LENGTHS: "The slices of one arm at one load point, found by the calibration.",
    file_names.MAX_RATE: "One trial of a search for a max rate.",
}

_DIFFERENT_FIGURES = """\
## Mean, pooled and median figures

`trials.csv` and `summary.csv` contain different figures of the same quantity, so the figures have different names.
`trials.csv` describes one block: it divides totals, or it takes all requests together.
`summary.csv` describes all blocks by a median over rounds, which a few slow rounds hardly change.
The two therefore differ by a few percent.

| `trials.csv`, one block | `summary.csv`, all blocks |
|---|---|
| `mean_throughput_rps`: credit of all replies / all seconds | `throughput_rps`: median of the rounds' rates |
| `mean_sessions_per_s`: all sessions / all seconds | `sessions_per_s`: median of the rounds' rates |
| `mean_cpu_us_per_request`: all CPU time / all replies | `cpu_us_per_request`: median of the rounds' costs |
| `pooled_service_p50_us`: median of all requests | `service_p50_us`: median of the rounds' medians |
| `pooled_latency_p50_us`: median of all requests | `latency_p50_us`: median of the rounds' medians |

`throughput_rps` in `slices.csv.gz` and in `max_rate.csv` is the rate of a single slice or trial.

"""

_METRICS_INTRODUCTION = """\
## Metrics of summary.csv

`median` is the median over the blocks. This table explains the value of one block.

| metric | unit | value of a block |
|---|---|---|
"""

_OF_ROUNDS = "median over the rounds of `{name}` in `slices.csv.gz`"
_OF_TRIAL = "`{name}` in `trials.csv`"
_VALUES_OF_A_BLOCK = {
    "throughput_rps": _OF_ROUNDS,
    "max_rate_rps": "one search per run: `median` is the rate answered at the highest step that passed; "
    "`low` is the rate of that step, `high` the rate of the next step",
    "sessions_per_s": _OF_ROUNDS,
    "service_p50_us": _OF_ROUNDS,
    "service_p90_us": _OF_TRIAL,
    "service_p99_us": _OF_TRIAL,
    "service_p99_9_us": _OF_TRIAL,
    "service_max_us": _OF_TRIAL,
    "latency_p50_us": _OF_ROUNDS,
    "latency_p90_us": _OF_TRIAL,
    "latency_p99_us": _OF_TRIAL,
    "latency_p99_9_us": _OF_TRIAL,
    "latency_max_us": _OF_TRIAL,
    "connect_p50_us": _OF_TRIAL,
    "connect_p99_us": _OF_TRIAL,
    "recovery_s": _OF_TRIAL,
    "cpu_us_per_request": "median over the rounds of `server_cpu_us` / `answered` in `slices.csv.gz`; with populations "
    "/ `load_answered`, so that it is the same for all of them",
    "rss_mb": _OF_TRIAL,
    "memory_mb": _OF_TRIAL,
}


def csv_columns_markdown() -> str:
    """Return the page of CSV columns."""
    titles = [*_FILES, "Mean, pooled and median figures", "Metrics of summary.csv"]
    contents = "".join(f"- [{title}](#{_anchor(title)})\n" for title in titles)
    files = "".join(_file_section(name, meaning) for name, meaning in _FILES.items())
    metrics = "".join(_metric_row(name) for name in METRICS)
    return f"{_INTRODUCTION}{contents}\n{files}{_DIFFERENT_FIGURES}{_METRICS_INTRODUCTION}{metrics}"


def _anchor(title: str) -> str:
    """Return the anchor that Markdown renderers give a heading."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _file_section(name: str, meaning: str) -> str:
    specs = columns_of(file_names.TABLES[name])
    has_intervals = any(spec.column.interval for spec in specs)
    headings = ["column", "type", "unit", "meaning", "computation", *(["interval"] if has_intervals else [])]
    lines = [_line(headings), _line(["---"] * len(headings))]
    lines += [_line(_cells(spec, has_intervals=has_intervals)) for spec in specs]
    return f"## {name}\n\n{meaning}\n\n{''.join(lines)}\n"


def _cells(spec: ColumnSpec, *, has_intervals: bool) -> list[str]:
    column: Column = spec.column
    cells = [f"`{spec.name}`", spec.type_name, column.unit, column.meaning, column.how]
    return [*cells, column.interval] if has_intervals else cells


def _metric_row(name: str) -> str:
    return _line([f"`{name}`", METRICS[name].unit, _VALUES_OF_A_BLOCK[name].format(name=name)])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |\n".replace("  |", " |")
