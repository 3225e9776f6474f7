import json
import sys

import pytest

from bench.experiment.child_process import Child
from bench.machine.child_environment import (
    describe_environment,
    external_environment,
    model_environment,
    speed_variables,
)

PRINT_ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)), flush=True)"
DECISIVE = {
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONDEVMODE": "1",
    "PYTHONHASHSEED": "1",
    "PYTHONMALLOC": "malloc",
    "MALLOC_ARENA_MAX": "1",
    "GLIBC_TUNABLES": "glibc.malloc.check=3",
    "GOMAXPROCS": "1",
}
HARMLESS = {"PYTHONPATH": "/nowhere", "GOOGLE_CREDENTIALS": "secret", "EDITOR": "vi"}


@pytest.fixture(autouse=True)
def _user_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (DECISIVE | HARMLESS).items():
        monkeypatch.setenv(name, value)


def read_environment(environment: dict[str, str] | None) -> dict[str, str]:
    command = [sys.executable, "-I", "-c", PRINT_ENVIRONMENT]
    with Child("a child", command, [], environment=environment) as child:
        return {str(name): str(value) for name, value in child.read_line(30.0).items()}


def test_model_gets_no_variable_that_decides_its_speed() -> None:
    seen = read_environment(None)
    assert not seen.keys() & (DECISIVE.keys() | {"GOOGLE_CREDENTIALS", "EDITOR"})
    assert seen["PYTHONPATH"] == "/nowhere"
    assert seen["PATH"] == model_environment()["PATH"]
    assert json.loads(seen["HOLABENCH_PARENT"]) > 1


def test_external_server_gets_the_environment_of_the_user() -> None:
    seen = read_environment(external_environment())
    assert (DECISIVE | HARMLESS).items() <= seen.items()
    assert "NUMBA_NUM_THREADS" not in seen


def test_speed_variables_are_recorded_with_values() -> None:
    recorded = describe_environment()
    kept = recorded["variables_kept_from_models"]
    assert isinstance(kept, dict)
    assert DECISIVE.items() <= kept.items()
    assert "secret" not in json.dumps(recorded)
    assert speed_variables({"LD_PRELOAD": "a.so", **HARMLESS}) == {"LD_PRELOAD": "a.so"}
    assert speed_variables({"PYTHONUNBUFFERED": "1", "NUMBA_NUM_THREADS": "4"}) == {"NUMBA_NUM_THREADS": "4"}
