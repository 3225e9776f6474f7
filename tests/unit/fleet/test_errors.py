"""Failures of a fleet in words, versions of code, addresses, and the optional libraries."""

import pickle

import pytest

from bench.fleet import extra
from bench.fleet.addresses import is_loopback, parse_scheduler_url, split_address
from bench.fleet.code_version import describe_differences
from bench.fleet.errors import FleetError, FleetInputError, RoleError
from bench.fleet.quiet_settings import quiet_settings


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            FleetError("lab2", "agent", "has died", pid=4711, phase="block 3"),
            "agent lab2 (pid 4711) has died during block 3",
        ),
        (FleetError("lab2", "agent", "has died"), "agent lab2 has died"),
        (
            FleetError("lab1", "servers", "was killed by SIGKILL; its stderr is empty", pid=5, phase="block 3"),
            "servers on lab1 (pid 5) was killed by SIGKILL during block 3; its stderr is empty",
        ),
        (
            FleetError("lab1", "servers", "failed: OSError: no: more", pid=5, phase="block 3"),
            "servers on lab1 (pid 5) failed during block 3: OSError: no: more",
        ),
        (FleetError("", "scheduler", "exited with code 1", pid=5), "scheduler (pid 5) exited with code 1"),
    ],
)
def test_failure_names_host_role_pid_and_phase(error: FleetError, expected: str) -> None:
    assert str(error) == expected


def test_role_error_survives_its_way_to_the_controller() -> None:
    error = pickle.loads(pickle.dumps(RoleError("servers", 5, "was stopped")))
    assert (error.role, error.pid, error.reason) == ("servers", 5, "was stopped")
    assert str(error) == "servers (pid 5) was stopped"


def test_differences_of_versions_are_listed() -> None:
    own = {"holabench": "a1", "numpy": "2.4.6", "numba": "0.68"}
    assert describe_differences(own, own) == ""
    assert describe_differences(own, {"holabench": "a1", "numpy": "2.1.0"}) == (
        "numpy 2.1.0 instead of 2.4.6, numba missing instead of 0.68"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", ("127.0.0.1", 0)),
        ("lab1:8786", ("lab1", 8786)),
        ("::1", ("::1", 0)),
        ("[::1]:8786", ("::1", 8786)),
    ],
)
def test_address_is_split(text: str, expected: tuple[str, int]) -> None:
    assert split_address(text) == expected


@pytest.mark.parametrize("text", ["", "host:port", "host:99999", "host/path", "user@host", ":1"])
def test_malformed_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST|port|Port"):
        split_address(text)


def test_loopback_is_recognised() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "192.0.2.1", "::")))


def test_url_of_scheduler_is_read() -> None:
    url = parse_scheduler_url("tls://[::1]:8786", "--scheduler")
    assert (url.host, url.port, url.uses_tls, str(url)) == ("::1", 8786, True, "tls://[::1]:8786")


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "_LIBRARIES", ("json", "no_such_library"))
    with pytest.raises(
        FleetInputError, match=r"need no_such_library; install them: pip install 'holabench\[cluster\]'"
    ):
        extra.require_cluster_extra()


def test_lost_agents_are_given_up_after_the_timeout() -> None:
    settings = quiet_settings(20.0)
    assert settings["distributed.scheduler.worker-ttl"] == "20s"
    assert settings["distributed.comm.timeouts.tcp"] == "20s"
    assert quiet_settings(5.0)["distributed.comm.timeouts.tcp"] == "12s"  # the shortest that the library accepts
