"""The files of examples/fleet: they are valid, and fit together."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.fleet.fleet_file import read_fleet_file
from tests.support.processes import ROOT

EXAMPLES = ROOT / "examples" / "fleet"


def load_manifests() -> dict[tuple[str, str], Any]:
    documents = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def test_batch_script_is_valid_shell() -> None:
    subprocess.run(["bash", "-n", EXAMPLES / "slurm.sh"], check=True)


def test_compose_has_the_agents_of_its_fleet_file() -> None:
    services = yaml.safe_load((EXAMPLES / "compose.yaml").read_text())["services"]
    fleet = read_fleet_file(EXAMPLES / "compose.toml")
    assert set(services) == {*fleet.agent_names, "controller"}
    for name in fleet.agent_names:
        command = services[name]["command"]
        assert command[:5] == ["agent", "--scheduler", "tls://controller:8786", "--name", name]


def test_job_has_the_agents_of_its_fleet_file(tmp_path: Path) -> None:
    manifests = load_manifests()
    (tmp_path / "fleet.toml").write_text(manifests["ConfigMap", "holabench"]["data"]["fleet.toml"])
    count = manifests["Job", "holabench-agent"]["spec"]["completions"]
    names = {f"holabench-agent-{number}" for number in range(count)}
    assert set(read_fleet_file(tmp_path / "fleet.toml").agent_names) == names


@pytest.mark.parametrize("name", ["holabench-controller", "holabench-agent"])
def test_pods_run_once_and_mount_what_they_need(name: str) -> None:
    job = load_manifests()["Job", name]["spec"]
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert (job["backoffLimit"], pod["restartPolicy"]) == (0, "Never")
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    (mode,) = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
    assert mode == 0o440
    if name == "holabench-agent":
        assert container["resources"]["requests"] == container["resources"]["limits"]
