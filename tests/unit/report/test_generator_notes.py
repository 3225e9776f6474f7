import pandas as pd

from bench.report.generator_notes import generators_line
from clients.quality_catalogue import DEFAULT_THRESHOLDS


def make_generators(**values: list[float]) -> pd.DataFrame:
    hosts = ["lab2", "lab3", "lab2", "lab3"]
    even: dict[str, list[float]] = {
        name: [0.0] * 4 for name in ("shortfall_share", "missing_share", "generator_cpu_share")
    }
    return pd.DataFrame({"generator_host": hosts, **even, **values})


def test_slow_generator_is_named_with_its_worst_figure() -> None:
    line = generators_line(make_generators(shortfall_share=[0.0, 0.12, 0.01, 0.07]), DEFAULT_THRESHOLDS)
    assert line == "Load generators: lab3 sent up to 12.0% less than its share (2 of 2 loads)."


def test_late_and_busy_generators_are_named() -> None:
    table = make_generators(missing_share=[0.0, 0.0, 0.03, 0.0], generator_cpu_share=[0.2, 0.97, 0.2, 0.4])
    assert generators_line(table, DEFAULT_THRESHOLDS) == (
        "Load generators: lab2 began late and missed up to 3.0% of the windows (1 of 2 loads); "
        "lab3 used up to 97.0% of its CPU (1 of 2 loads)."
    )


def test_even_generators_have_no_line() -> None:
    assert generators_line(make_generators(), DEFAULT_THRESHOLDS) == ""
    assert generators_line(None, DEFAULT_THRESHOLDS) == ""
