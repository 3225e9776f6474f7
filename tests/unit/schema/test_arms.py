import pytest

from bench.schema.arms import Arm


@pytest.mark.parametrize(
    ("name", "transport", "label", "display"),
    [
        ("asyncio/tcp@pypy3.9~control", "tcp", "asyncio@pypy3.9", "asyncio/tcp@pypy3.9 (control)"),
        ("php/udp", "udp", "php", "php/udp"),
        ("native/tcp", "tcp", "native", "native/tcp (baseline)"),
    ],
)
def test_arm_name_is_parsed_into_its_parts(name: str, transport: str, label: str, display: str) -> None:
    arm = Arm.parse(name)
    assert (arm.name, arm.transport, arm.label, arm.display_name) == (name, transport, label, display)


def test_arm_label_for_people_names_its_role() -> None:
    labels = [Arm.parse(name).display_label for name in ("asyncio/tcp~control", "native/udp", "select/tcp")]
    assert labels == ["asyncio (control)", "native (baseline)", "select"]


@pytest.mark.parametrize("name", ["", "asyncio", "/tcp", "asyncio/"])
def test_arm_name_without_model_or_transport_is_rejected(name: str) -> None:
    with pytest.raises(ValueError, match="is not the name of an arm"):
        Arm.parse(name)
