import pytest

from clients.engine.counters import ERRORS
from clients.load_description import describe_errors, describe_load


@pytest.mark.parametrize("kind", ERRORS)
def test_every_kind_of_error_has_words(kind: str) -> None:
    (one,), (several,) = describe_errors({kind: 1}), describe_errors({kind: 1352})
    assert "1 " in one
    assert "1,352 " in several
    assert "{" not in one + several
    assert one != several


@pytest.mark.parametrize(("count", "text"), [(1, ", 1 connection, "), (64, ", 64 connections, ")])
def test_load_of_one_connection_is_singular(count: int, text: str) -> None:
    load = {"loop": "closed", "rate_rps": None, "arrivals": "", "depth": 1, "protocol": "echo"}
    load |= {"lifecycle": "persistent", "behaviour": "normal", "retries": 0}
    assert text in describe_load({**load, "connections": count, "duration_s": 1.0})


def test_closed_connections_are_reported_in_words() -> None:
    assert describe_errors({"closed": 352, "wrong_reply": 2}) == [
        "the server closed 352 connections early",
        "the server sent 2 replies with other bytes than expected",
    ]
