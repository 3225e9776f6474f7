import socket
from typing import Any

import pytest

from bench.experiment.targets import resolve_targets
from bench.plan.definition import PlanError
from tests.unit.plan.plans import make_plan


def resolve(target: str, transport: str = "tcp") -> tuple[str, list[str]]:
    """Return the target as resolved, and what was reported."""
    server: dict[str, Any] = {"name": "mine", "target": target, "transports": [transport]}
    reports: list[str] = []
    plan = make_plan(external_servers=[server], transports=[transport])
    return resolve_targets(plan, reports.append).external_servers[0].target, reports


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.mark.parametrize(("address", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_name_becomes_the_address_on_which_a_server_listens(address: str, shown: str, transport: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as server:
        server.bind((address, 0))
        if transport == "tcp":
            server.listen()
        port = server.getsockname()[1]
        target, reports = resolve(f"localhost:{port}", transport)
        assert reports == [f"mine: localhost:{port} is {shown}:{port}"]
        assert target == f"{shown}:{port}"
        assert resolve(target, transport) == (target, [])
        if transport == "tcp":
            server.settimeout(0)
            with pytest.raises(BlockingIOError):  # nobody has connected
                server.accept()


def test_server_of_both_families_is_found() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        port = server.getsockname()[1]
        assert resolve(f"127.0.0.1:{port}") == (f"127.0.0.1:{port}", [])
        assert resolve(f"[::1]:{port}") == (f"[::1]:{port}", [])
        target, reports = resolve(f"localhost:{port}")
        assert target in (f"127.0.0.1:{port}", f"[::1]:{port}")
        assert reports == [f"mine: localhost:{port} is {target}"]


def test_name_of_two_listeners_becomes_one_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as of_ipv4:
        port = of_ipv4.getsockname()[1]
        with socket.create_server(("::1", port), family=socket.AF_INET6):
            target, reports = resolve(f"localhost:{port}")
            assert target in (f"127.0.0.1:{port}", f"[::1]:{port}")
            assert reports == [f"mine: localhost:{port} is {target}"]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_target_without_a_listener_is_refused(transport: str) -> None:
    port = free_port()
    with pytest.raises(PlanError) as refusal:
        resolve(f"localhost:{port}", transport)
    assert f"nobody listens on {transport}://localhost:{port} (connection refused at " in str(refusal.value)
    assert refusal.value.key == "target"


def test_server_of_this_machine_is_not_that_of_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.experiment.targets._CONNECT_S", 0.01)
    with socket.create_server(("0.0.0.0", 0)) as server, pytest.raises(PlanError, match=r"192\.0\.2\.1"):
        resolve(f"192.0.2.1:{server.getsockname()[1]}")  # RFC 5737: nobody has this address


def test_name_without_address_is_refused() -> None:
    with pytest.raises(PlanError, match=r"external server 'mine': host 'no-such-host\.invalid' has no address"):
        resolve("no-such-host.invalid:80")


def test_invalid_target_is_left_to_the_validation() -> None:
    assert resolve("nowhere") == ("nowhere", [])
