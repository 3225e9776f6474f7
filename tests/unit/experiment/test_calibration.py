"""The lengths of slices that a calibration finds, and those that a resumed run uses again."""

from pathlib import Path

from bench.experiment.calibration import lengths_by_case
from bench.experiment.cycle import cycle_of
from bench.experiment.runner import recorded_calibration
from bench.plan.population_loads import PopulationLoad
from bench.plan.schedule import resolve
from bench.plan.slice_lengths import SliceLength
from bench.schema.arms import Arm
from bench.schema.csv_schema import SliceLengthRow
from bench.schema.load_points import LoadPoint
from tests.unit.plan.plans import MODELS, make_plan, make_scenarios
from tests.unit.store.builders import make_folder

ROW = SliceLengthRow("capacity", 16, 64, "select/tcp", 0.05, 0.25, 0.05, 4, "")


def make_population(**scenario: object) -> PopulationLoad:
    plan = make_plan(seed=1, scenarios=make_scenarios(connections=[64], **scenario))
    return resolve(plan, MODELS, server_cpus=(1,), generator_cpus=(0,)).block_loads[0].populations[0]


def test_cycle_is_the_time_of_all_connections_by_their_cycles() -> None:
    population = make_population()
    # 64 clients ask once, and one is answered every 2.5 ms: the last one waits 160 ms, as all do afterwards.
    assert cycle_of(population, {"answered": 64, "elapsed_s": 0.16}) == 0.16
    # In a load of 25 ms, ten clients ask again.
    assert cycle_of(population, {"answered": 74, "elapsed_s": 0.185}) == 0.16
    assert cycle_of(population, {"answered": 0, "elapsed_s": 5.0}) is None


def test_cycle_of_sessions_includes_all_requests() -> None:
    population = make_population(lifecycle="session", requests_per_session=10, protocol="hola")
    assert cycle_of(population, {"answered": 64 * 11, "elapsed_s": 0.5}) == 0.5
    assert cycle_of(population, {"answered": 64 * 1, "elapsed_s": 0.05}) == 0.55  # broken off after one of eleven


def test_lengths_are_found_by_load_point_and_arm() -> None:
    lengths = lengths_by_case([ROW])
    assert lengths == {(LoadPoint("capacity", 16, 64), Arm("select", "tcp")): SliceLength(0.25, 0.05, 0.05)}


def test_resumed_run_uses_recorded_lengths(tmp_path: Path) -> None:
    with make_folder(tmp_path) as folder:
        assert recorded_calibration(folder) is None
        folder.write_calibration([], [ROW])
        calibration = recorded_calibration(folder)
    assert calibration is not None
    assert calibration.lengths == [ROW]


def test_resumed_run_of_an_older_version_keeps_the_slices_of_the_plan(tmp_path: Path) -> None:
    with make_folder(tmp_path, blocks=1) as folder:
        (folder.path / "slice_lengths.csv").unlink()
        calibration = recorded_calibration(folder)
    assert calibration is not None
    assert calibration.lengths == []
