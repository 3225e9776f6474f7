"""What a comparison compares, and what it may conclude."""

from enum import StrEnum


class ComparisonKind(StrEnum):
    """What a row of comparisons.csv compares."""

    CONTROL = "control"  # a control with the arm that it repeats
    TRANSPORTS = "transports"  # a model over UDP with the same model over TCP
    REFERENCE = "reference"  # an arm with the reference of its transport
    PAIR = "pair"  # two other arms of one transport


class Conclusion(StrEnum):
    """What the interval of a ratio allows to conclude."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"

    @property
    def is_difference(self) -> bool:
        """Whether the two sides differ."""
        return self in (Conclusion.FASTER, Conclusion.SLOWER)
