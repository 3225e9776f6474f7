"""Scenarios with populations and phases for tests."""

from typing import Any

from bench.plan.definition import Plan
from tests.unit.plan.plans import make_plan


def make_populations(*populations: dict[str, Any], **scenario: Any) -> Plan:
    """Return a plan with one scenario of the protocol work. populations: their tables."""
    tables = [{"name": f"p{number}"} | table for number, table in enumerate(populations)]
    base: dict[str, Any] = {"name": "mixed", "protocol": "work", "populations": tables}
    if "phases" not in scenario:
        base["seconds"] = 0.2
    return make_plan(models=["select", "asyncio"], transports=["tcp"], seed=1, scenarios=[base | scenario])


def make_overload(*shares: float, **population: Any) -> Plan:
    """Return a plan with one population and phases of one second at shares of its capacity."""
    phases = [
        {"name": f"phase{number}", "seconds": 1.0, "capacity_share": {"clients": share}}
        for number, share in enumerate(shares)
    ]
    return make_populations({"name": "clients", "connections": 64} | population, phases=phases)
