"""Computing is printed with the time that it took on the machine of the run."""

import pandas as pd

from bench.analysis.predictions.units import ComputeUnits
from bench.report.charts.families import others_in_words, work_of_rows
from bench.report.computing_times import unit_us, with_unit_times
from bench.report.meanings import meaning
from bench.report.measured_handlers import measured_handlers
from tests.unit.report.work_runs import WAITING, make_mixed, make_waiting

UNITS = ComputeUnits({("cpython 3.11", "lock"): 1.33e-6})


def make_heavy(python: str = "cpython 3.11") -> pd.DataFrame:
    """Return the trials of light and heavy requests, with the time of a unit."""
    return with_unit_times(make_mixed().trials.assign(python=python), UNITS)


def test_computing_has_the_measured_time() -> None:
    trials = make_heavy()
    heavy = trials[trials["population"] == "heavy"]
    assert str(work_of_rows(heavy)) == "computes 13.3 ms in Python code, one thread at a time"
    assert others_in_words(heavy) == "heavy requests (each computes 13.3 ms in Python code, one thread at a time)"
    assert {each.compute_ms for each in measured_handlers(trials).values()} == {13.3}
    assert "served beside heavy requests (each computes 13.3 ms in Python code, one thread at a time)." in meaning(
        "latency_p99_us", trials
    )
    assert "asked about send light requests: the handler replies at once." in meaning("latency_p99_us", trials)


def test_computing_is_approximate_without_a_measurement() -> None:
    heavy = make_heavy("pypy 3.9").query("population == 'heavy'")
    assert unit_us(heavy) is None
    assert str(work_of_rows(heavy)) == "computes about 10 ms in Python code, one thread at a time"


def test_interpreters_that_differ_have_no_common_time() -> None:
    trials = make_heavy()
    mixed = pd.concat([trials, trials.assign(python="pypy 3.9", unit_us=0.2)])
    assert unit_us(mixed[mixed["population"] == "heavy"]) is None


def test_rate_of_handlers_that_wait_is_not_the_maximum_of_the_server() -> None:
    text = meaning("throughput_rps", make_waiting(5_000.0, WAITING).trials)
    assert "The handler waits 5 ms, so 64 clients cannot get more than 12.8k requests/s from any server" in text
    at_once = meaning("throughput_rps", make_waiting(0.0, WAITING).trials)
    assert "The rate is the most that the server can do with these clients." in at_once
    computing = make_waiting(0.0, WAITING, units=1e3, kind="lock").trials
    assert "depends on the processor" in meaning("throughput_rps", computing)
