"""The phases of a load that several populations share. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from clients.latency_windows import MAX_WINDOWS, window_length_s
from clients.load_spec import LoadSpec, Phase


def align_phases(specs: Mapping[str, LoadSpec]) -> dict[str, LoadSpec]:
    """Return the populations, all with the same phases. Raises ValueError if they disagree.

    A population without phases does the same in all of them. All have windows of latencies, and room for the requests
    that are due exactly at the end of the last one.
    """
    if not specs:
        raise ValueError("a load needs at least one population")
    phased = {name: spec for name, spec in specs.items() if spec.phases}
    if not phased:
        return dict(specs)
    first_name, first = next(iter(phased.items()))
    shape = [(phase.name, phase.seconds) for phase in first.phases]
    for name, spec in phased.items():
        if [(phase.name, phase.seconds) for phase in spec.phases] != shape:
            raise ValueError(
                f"populations {first_name!r} and {name!r} have different phases; names and seconds must agree"
            )
    part_s = window_length_s(sum(phase.seconds for phase in first.phases))
    return {
        name: replace(spec if spec.phases else _in_all_phases(spec, first.phases), parts=MAX_WINDOWS + 1, part_s=part_s)
        for name, spec in specs.items()
    }


def _in_all_phases(spec: LoadSpec, phases: Iterable[Phase]) -> LoadSpec:
    """Return a load that does the same in each phase."""
    own = tuple(replace(phase, rate_rps=spec.rate_rps, active=True) for phase in phases)
    return replace(spec, rate_rps=0.0, phases=own)
