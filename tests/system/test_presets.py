"""The presets that ask what a handler's work costs, each with little load on real servers."""

import functools
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.support.commands import run_python

pytestmark = pytest.mark.slow
SUCCESS = (0, 3)  # 3: some results are invalid, e.g. if the generator is as busy as its server
LITTLE_LOAD = ["--blocks", "1", "--seconds", "0.1"]
FEW_CLIENTS = [*LITTLE_LOAD, "--connections", "1,8"]
RUN_TIMEOUT_S = 110.0


PRESETS = {  # models, options, and name of the chart without its ending
    "waiting": ("iterative,asyncio", FEW_CLIENTS, "waiting"),
    "computing": ("select,asyncio_process_pool", FEW_CLIENTS, "computing"),
    "mixed": ("thread_switch_interval,asyncio", LITTLE_LOAD, "mixed"),
    "blocking": ("asyncio_blocking,asyncio_to_thread", LITTLE_LOAD, "mixed"),
}


@pytest.fixture(scope="module")
def run_preset(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns the folder of a preset's run, which all tests of the preset share."""

    @functools.cache
    def run(preset: str) -> Path:
        models, options, _ = PRESETS[preset]
        output_dir = tmp_path_factory.mktemp("results")
        arguments = [preset, "--models", models, "--seed", "7", *options, "--output-dir", str(output_dir)]
        completed = run_python("-m", "bench", "run", *arguments, timeout_s=RUN_TIMEOUT_S)
        assert completed.returncode in SUCCESS, completed.stderr
        return Path(completed.stdout.strip())

    return run


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_measures_every_case_and_draws_its_chart(preset: str, run_preset: Callable[[str], Path]) -> None:
    models, _, chart = PRESETS[preset]
    folder = run_preset(preset)
    trials = pd.read_csv(folder / "trials.csv")
    failed = trials[trials["status"] == "failed"]
    assert failed.empty, failed[["arm", "scenario", "population", "reason"]].to_string()
    measured = trials[trials["status"] == "ok"]
    assert set(measured["model"]) == set(models.split(","))
    assert (measured["replies"] > 0).all()
    assert (measured["sent"] >= measured[["late", "lost", "corrupt"]].sum(axis=1)).all()
    assert (folder / "charts" / f"{chart}.svg").exists()


def test_waiting_servers_reach_what_their_idiom_allows(run_preset: Callable[[str], Path]) -> None:
    summary = pd.read_csv(run_preset("waiting") / "summary.csv").query(
        "metric == 'throughput_rps' and scenario == 'wait_50ms'"
    )
    rates = summary.set_index(["arm", "connections"])["median"]
    assert rates["asyncio/tcp", 8] > 2 * rates["iterative/tcp", 1]  # eight waits at once, even on a busy machine
    assert rates["iterative/tcp", 1] <= 20  # no wait is shorter than 50 ms
    assert summary.query("arm == 'iterative/tcp' and connections == 8")["status"].tolist() == ["skipped"]
