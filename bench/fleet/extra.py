"""The optional libraries of runs over several machines."""

from importlib.util import find_spec

from bench.fleet.errors import FleetInputError

_LIBRARIES = ("asyncssh", "cryptography", "distributed")


def require_cluster_extra() -> None:
    """Raise FleetInputError if an optional library is missing."""
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        raise FleetInputError(
            f"runs over several machines need {' and '.join(missing)}; install them: pip install 'holabench[cluster]'"
        )
