from datetime import UTC, datetime

import pandas as pd
import pytest

from bench.report.facts import describe_origin, generator_has_own_cpus, machine_line, run_facts
from bench.schema.load_time import LoadTime


@pytest.mark.parametrize(
    ("servers", "generator", "expected"),
    [
        ([2, 3], [0], "2 for the servers, 1 for the load generator"),
        ([0], [0], "1 CPU for the servers and the load generator together"),
        ([0, 1], [0, 1], "2 CPUs for the servers and the load generator together"),
    ],
)
def test_shared_cpus_are_not_counted_twice(servers: list[int], generator: list[int], expected: str) -> None:
    machine = {"cpus": 4, "server_cpus": servers, "generator_cpus": generator}
    facts = dict(run_facts({"machine": machine}, {}, pd.DataFrame(columns=["arm"]), ""))
    assert facts["CPUs"] == expected


def test_generators_on_other_hosts_are_named_and_use_a_network() -> None:
    machine = {"cpus": 4, "server_cpus": [1, 2, 3], "generator_cpus": [0]}
    environment = {"machine": machine, "fleet": {"lab3": {}, "lab2": {}}}
    facts = dict(run_facts(environment, {}, pd.DataFrame(columns=["arm"]), ""))
    assert facts["CPUs"] == "3 for the servers; load generators on lab2, lab3"
    assert facts["network"] == "between the host of the servers and lab2, lab3"
    assert "load generators on lab2, lab3" in machine_line(environment)
    assert generator_has_own_cpus({"machine": {"server_cpus": [0], "generator_cpus": [0]}, "fleet": {"lab2": {}}})


def test_share_of_the_time_under_load_is_a_fact_where_it_is_known() -> None:
    trials = pd.DataFrame(columns=["arm"])
    assert dict(run_facts({}, {}, trials, "", LoadTime(270.0, 360.0)))["load share"] == "75% of 6 min"
    repeated = LoadTime(270.0, 360.0, 18.0)
    assert (
        dict(run_facts({}, {}, trials, "", repeated))["load share"]
        == "75% of 6 min, and 5% in rounds that were repeated"
    )
    assert "load share" not in dict(run_facts({}, {}, trials, ""))


def test_origin_names_a_common_machine_once_and_different_ones_each() -> None:
    start = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    old, new = ({"machine": {"cpus": cpus, "cpu_model": "A"}} for cpus in (2, 4))
    same = describe_origin(["monday", "tuesday"], [old, old], [start, None])
    assert same == "Measured: monday: 2026-01-02 03:04 UTC | tuesday: unknown | machine: 2 CPUs (A)"
    other = describe_origin(["monday", "tuesday"], [old, new], [start, start])
    assert other == ("Measured: monday: 2026-01-02 03:04 UTC, 2 CPUs (A) | tuesday: 2026-01-02 03:04 UTC, 4 CPUs (A)")
