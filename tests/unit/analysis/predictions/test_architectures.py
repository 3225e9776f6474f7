import pytest

from bench.analysis.predictions.architectures import ARCHITECTURES, architecture_of
from servers import registry

FD_SETSIZE_CLIENTS = 1000  # a limit of descriptors, not of waits


@pytest.mark.parametrize("model", sorted(ARCHITECTURES))
def test_slots_are_the_waits_that_the_model_declares(model: str) -> None:
    description = registry.describe(model)
    for transport in description.transports:
        architecture, declared = architecture_of(model, transport), description.max_waits[transport]
        assert architecture is not None
        if declared != FD_SETSIZE_CLIENTS and not architecture.default_executor:
            assert architecture.slots == declared, (model, transport)


def test_every_model_that_serves_work_has_an_architecture() -> None:
    serving = {name for name in registry.names() if "work" in registry.describe(name).protocols}
    assert serving == set(ARCHITECTURES)


def test_models_whose_clients_hold_a_slot_declare_as_many_clients() -> None:
    for model, architecture in ARCHITECTURES.items():
        declared = registry.describe(model).max_tcp_clients
        if architecture.client_holds_slot:
            assert declared == architecture.slots, model
        elif architecture.watched_descriptors is not None:
            assert declared == FD_SETSIZE_CLIENTS, model
        else:
            assert declared is None, model


def test_other_servers_have_no_architecture() -> None:
    assert architecture_of("php", "tcp") is None
