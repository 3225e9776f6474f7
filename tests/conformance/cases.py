"""The cases of the conformance tests, derived from the registry."""

from collections.abc import Callable, Iterable

import pytest

from servers import registry
from tests.support.servers import describe

# A broken model fails one test of its own (test_package.py) and affects no other.
MODELS = {name: describe(name) for name in registry.names() if not describe(name).broken}
ARMS = [(name, transport) for name, model in MODELS.items() for transport in model.transports]
WORK_ARMS = [(name, transport) for name, transport in ARMS if "work" in MODELS[name].protocols]

# Models whose main process has others below it, by nature or for each client.
PROCESS_ARMS = [(name, transport) for name, transport in ARMS if MODELS[name].parallel or MODELS[name].forks]
# Starting and stopping does not depend on the transport, except where there are several processes.
LIFE_ARMS = sorted({*PROCESS_ARMS, *((name, model.transports[0]) for name, model in MODELS.items())})

by_arm = pytest.mark.parametrize(("model", "transport"), ARMS)
by_life_arm = pytest.mark.parametrize(("model", "transport"), LIFE_ARMS)
by_work_arm = pytest.mark.parametrize(("model", "transport"), WORK_ARMS)
by_process_arm = pytest.mark.parametrize(("model", "transport"), PROCESS_ARMS)


def models_with(
    transport: str, condition: Callable[[registry.Description], bool] = lambda _: True, *, protocol: str = "echo"
) -> list[str]:
    """Return the models that serve a protocol over a transport and satisfy a condition."""
    return [
        name
        for name, model in MODELS.items()
        if transport in model.transports and protocol in model.protocols and condition(model)
    ]


def by_shared_server(transport: str, protocol: str, models: Iterable[str] | None = None) -> pytest.MarkDecorator:
    """Run a test on the shared server of each model, or of the given models only."""
    cases = [
        pytest.param((model, transport, protocol), id=model)
        for model in (models_with(transport, protocol=protocol) if models is None else models)
    ]
    return pytest.mark.parametrize("shared_server", cases, indirect=True)
