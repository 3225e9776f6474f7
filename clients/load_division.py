"""One load divided among several generators. Pure.

Connections are divided as evenly as possible. A rate is divided in proportion to the connections, so that each
connection has the same share of it everywhere.
"""

from dataclasses import replace

from clients.load_spec import LoadSpec


def divide(spec: LoadSpec, generators: int) -> list[LoadSpec | None]:
    """Return the load of each generator; None for those without a connection. Their loads add up to ``spec``."""
    shares = connections_of(spec.connections, generators)
    used = sum(map(bool, shares))
    return [_share(spec, connections, k, used) if connections else None for k, connections in enumerate(shares)]


def connections_of(connections: int, generators: int) -> list[int]:
    """Return the connections of each generator. The first ones have one more if they do not divide evenly."""
    each, more = divmod(connections, generators)
    return [each + (k < more) for k in range(generators)]


def _share(spec: LoadSpec, connections: int, number: int, used: int) -> LoadSpec:
    share = connections / spec.connections
    return replace(
        spec,
        connections=connections,
        rate_rps=spec.rate_rps * share,
        phases=tuple(replace(phase, rate_rps=phase.rate_rps * share) for phase in spec.phases),
        raw_rows=-(-spec.raw_rows // used),
        generator=number,
        generators=used,
    )
