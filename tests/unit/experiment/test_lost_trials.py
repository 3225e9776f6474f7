"""The rows of a block that lost its servers or its generators."""

from bench.experiment.lost_trials import lost_trials
from bench.experiment.row_builder import TrialContext
from bench.experiment.trial_rows import unmeasured_row
from bench.plan.schedule import Hosts, resolve
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios

HOSTS = Hosts("lab1", ("lab2", "lab3"))
SCHEDULE = resolve(
    make_plan(seed=1, control="", transports=["tcp"], scenarios=make_scenarios(connections=[1, 16])),
    MODELS,
    server_cpus=(1,),
    generator_cpus=(0,),
    hosts=HOSTS,
)


def test_every_trial_without_a_row_has_failed_and_names_its_hosts() -> None:
    rows = lost_trials(SCHEDULE, 2, [], "agent lab1 died during block 3")
    assert len(rows) == len(SCHEDULE.arms) * 2
    failed = [row for row in rows if row.status == "failed"]
    assert {row.reason for row in failed} == {"agent lab1 died during block 3"}
    assert {(row.server_host, row.generator_hosts, row.generator_cpus) for row in rows} == {("lab1", "lab2 lab3", "")}
    assert {row.block for row in rows} == {2}


def test_finished_trials_are_kept_and_skipped_ones_stay_skipped() -> None:
    one, many = SCHEDULE.block_loads
    finished = [
        unmeasured_row(TrialContext(SCHEDULE, 0, arm, one, one.parts[0]), "failed", "own") for arm in SCHEDULE.arms
    ]
    rows = lost_trials(SCHEDULE, 0, finished, "lost")
    assert {row.connections for row in rows} == {many.point.connections}
    skipped = {arm.name for arm, reason in many.skip_reasons.items() if reason}
    assert skipped
    assert {row.arm for row in rows if row.status == "skipped"} == skipped


def test_generators_on_other_hosts_share_no_cpu_with_the_servers() -> None:
    shared = resolve(make_plan(seed=1), MODELS, server_cpus=(0,), generator_cpus=(0,), hosts=HOSTS)
    assert shared.cpus_disjoint
    assert HOSTS.are_apart
    assert not Hosts().are_apart
