"""The cases of the conformance tests, derived from the registry and from the models' sources."""

from collections.abc import Callable

from servers import registry
from tests.support.servers import describe

MODELS = {name: describe(name) for name in registry.names()}
PROTOCOLS = ("echo", "hola")
ARMS = [(name, transport) for name, model in MODELS.items() for transport in model.transports]


def models(transport: str, condition: Callable[[registry.Description], bool] = lambda _: True) -> list[str]:
    """Return the models that serve a transport and satisfy a condition."""
    return [name for name, model in MODELS.items() if transport in model.transports and condition(model)]
