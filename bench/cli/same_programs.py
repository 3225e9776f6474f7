"""Find the models that are the same program in two runs. Their changes are those of the machine."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from bench.plan.matrix import competing_arms
from bench.schema.arms import Arm
from servers import registry

if TYPE_CHECKING:
    from bench.store.reader import RunData

_UNCOMMITTED = "-dirty"  # at the end of the revision of a checkout with changes


def find_same_programs(first: "RunData", second: "RunData", judged: Collection[str] = ()) -> set[str]:
    """Return the labels of models that are the same program in both runs, and not the subject of the comparison.

    judged: names of arms that the user asks about; all if empty.

    Without other servers in both runs, the models are the subject, and the result is empty. Left out are models of
    libraries, whose version may differ, models of the user, and other interpreters. Raises PlanError.
    """
    if not _is_same_version(first.environment, second.environment):
        return set()
    common = {arm for arm in competing_arms(first.plan) if arm.competes} & {*competing_arms(second.plan)}
    in_plans = {*first.plan.models} & {*second.plan.models}
    programs = {name for name in in_plans if _is_built_in(name)} - {Arm.parse(name).label for name in judged}
    others = {arm for arm in common if arm.label not in programs}
    return programs if others else set()


def _is_same_version(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether holabench and the interpreter are the same. Uncommitted changes may differ."""
    if str(_part(first, "holabench").get("revision")).endswith(_UNCOMMITTED):
        return False
    versions = [(_part(side, "holabench"), _part(side, "machine").get("python")) for side in (first, second)]
    return versions[0] == versions[1] and all(versions[0])


def _part(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = values.get(name)
    return part if isinstance(part, Mapping) else {}


def _is_built_in(name: str) -> bool:
    """Return whether a model is part of holabench and needs nothing but the standard library."""
    return name in registry.names() and not registry.describe(name).needs
