from typing import Any

from bench.machine.cpu_layout import Placement
from bench.machine.environment import describe, differences


def make_environment(**machine: Any) -> dict[str, Any]:
    return {"machine": {"kernel": "6.1", "kernel_settings": {"ip_local_port_range": "32768\t60999"}} | machine}


def test_differences_name_fact_and_both_values() -> None:
    assert differences(make_environment(), make_environment(kernel="6.8")) == ["kernel: 6.1 before, 6.8 now"]


def test_differences_ignore_white_space() -> None:
    spaces = make_environment(kernel_settings={"ip_local_port_range": "32768 60999"})
    assert differences(make_environment(), spaces) == []
    changed = make_environment(kernel_settings={"ip_local_port_range": "15000\t65000"})
    assert differences(spaces, changed) == ["ip_local_port_range: 32768 60999 before, 15000 65000 now"]


def test_differences_ignore_memory_reserved_by_the_kernel() -> None:
    assert differences(make_environment(memory_mb=25281), make_environment(memory_mb=25282)) == []
    changed = differences(make_environment(memory_mb=25281), make_environment(memory_mb=16000))
    assert changed == ["memory_mb: 25281 before, 16000 now"]


def test_describe_has_placement_and_equals_itself() -> None:
    environment = describe(Placement(generator=(0,), server=(1, 2)))
    assert environment["machine"]["generator_cpus"] == [0]
    assert environment["machine"]["server_cpus"] == [1, 2]
    assert differences(environment, environment) == []
