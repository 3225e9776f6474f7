"""The options of an agent: what is refused, and in which words."""

import os
from pathlib import Path

import pytest

from bench.fleet.errors import FleetInputError

agent = pytest.importorskip("bench.fleet.agent")
pytest.importorskip("bench.fleet.certificates", exc_type=ImportError)

TLS, LOOPBACK = "tls://127.0.0.1:1", "tcp://127.0.0.1:1"


@pytest.mark.parametrize(
    ("url", "tls_dir", "listen", "expected"),
    [
        ("http://h:1", None, "", "--scheduler 'http://h:1' is not the address of a scheduler; write tls://HOST:PORT"),
        ("tls://h", None, "", "--scheduler 'tls://h' is not the address of a scheduler; write tls://HOST:PORT"),
        ("tls://h:x", None, "", "--scheduler 'tls://h:x': Port could not be cast to integer value as 'x'; write tls"),
        ("tcp://192.0.2.1:1", None, "", "--scheduler 'tcp://192.0.2.1:1': without TLS, every host of the network"),
        ("tcp://0.0.0.0:1", None, "", "--scheduler 'tcp://0.0.0.0:1': without TLS, every host of the network"),
        (TLS, None, "", "--scheduler tls://... needs --tls-dir DIR; make keys with: holabench fleet-keys DIR"),
        (
            TLS,
            "/nowhere",
            "",
            "/nowhere/ca.pem cannot be read: No such file or directory; make keys with",
        ),
        (LOOPBACK, "/nowhere", "", "--tls-dir has no effect with tcp://; write --scheduler tls://HOST:PORT"),
        (LOOPBACK, None, "192.0.2.1", "--listen '192.0.2.1': without TLS, only a loopback address is safe"),
        (LOOPBACK, None, "127.0.0.1:x", "--listen '127.0.0.1:x': Port could not be cast to integer value"),
    ],
)
def test_wrong_option_is_one_line(url: str, tls_dir: str | None, listen: str, expected: str) -> None:
    with pytest.raises(FleetInputError) as failure:
        agent.check_options(url, "a", tls_dir and Path(tls_dir), listen, allow_root=True)
    assert str(failure.value).startswith(expected)
    assert "\n" not in str(failure.value)


def test_root_is_refused_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(FleetInputError, match=r"so it does not run as root; use another user, or add --allow-root$"):
        agent.check_options(LOOPBACK, "a", None, "", allow_root=False)
    assert agent.check_options(LOOPBACK, "a", None, "127.0.0.1", allow_root=True).listen == "127.0.0.1"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert agent.check_options(LOOPBACK, "a", None, "", allow_root=False).name == "a"
