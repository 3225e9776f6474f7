import errno
import socket

import pytest

from clients.addresses import AddressError, describe_unreachable, format_url, is_numeric, nobody_listens, resolve


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.1", "::ffff:127.0.0.1"])
def test_numeric_address_is_its_own(host: str) -> None:
    assert is_numeric(host)
    assert resolve(host) == (host,)


@pytest.mark.parametrize("in_hosts", [["127.0.0.1"], ["::1"], ["::1", "127.0.0.1"], ["127.0.0.1", "127.0.0.1"]])
def test_localhost_is_both_loopbacks_in_the_order_of_the_resolver(
    in_hosts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [make_answer(address) for address in in_hosts]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answers)
    addresses = resolve("localhost")
    assert addresses[0] == in_hosts[0]
    assert sorted(addresses) == ["127.0.0.1", "::1"]


def make_answer(address: str, scope: int = 0) -> tuple[object, ...]:
    """Return an answer of getaddrinfo."""
    if ":" in address:
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 0, 0, scope))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0))


def test_name_with_several_addresses_keeps_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [make_answer(address) for address in ("2001:db8::1", "192.0.2.1", "2001:db8::1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: answers)
    assert resolve("server.example") == ("2001:db8::1", "192.0.2.1")


def test_link_local_address_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_options: [make_answer("fe80::1", scope=2)])
    with pytest.raises(AddressError, match=r"'fe80::1%eth0' has link-local addresses only.*use another address"):
        resolve("fe80::1%eth0")


@pytest.mark.parametrize("host", ["a..b", "a" * 64, "\udcff", "no-such-host.invalid", ""])
def test_name_without_address_is_one_line_with_the_name(host: str) -> None:
    with pytest.raises(AddressError) as refusal:
        resolve(host)
    assert repr(host) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_url_has_brackets_around_ipv6() -> None:
    assert format_url("udp", "127.0.0.1", 80) == "udp://127.0.0.1:80"
    assert format_url("tcp", "::1", 80) == "tcp://[::1]:80"


def test_only_errors_of_an_address_make_it_unreachable() -> None:
    assert describe_unreachable(ConnectionRefusedError(errno.ECONNREFUSED, "")) == "connection refused"
    assert describe_unreachable(OSError(errno.EADDRNOTAVAIL, "")) == "address not available on this machine"
    assert describe_unreachable(ConnectionResetError(errno.ECONNRESET, "")) == ""
    assert describe_unreachable(TimeoutError("timed out")) == ""


@pytest.mark.parametrize(
    ("host", "reasons", "expected"),
    [
        ("::1", {"::1": "connection refused"}, "tcp://[::1]:80 (connection refused); start the server"),
        ("a", {"::1": "x", "192.0.2.1": "x"}, "tcp://a:80 (x at ::1 and 192.0.2.1); start the server"),
        ("a", {"::1": "x", "192.0.2.1": "y"}, "tcp://a:80 (::1: x; 192.0.2.1: y); start the server"),
    ],
)
def test_message_names_the_addresses_that_were_tried(host: str, reasons: dict[str, str], expected: str) -> None:
    assert f"nobody listens on {expected}" in nobody_listens("tcp", host, 80, reasons)
