"""The kinds of comparisons, and the conclusions that they allow."""

from enum import StrEnum


class ComparisonKind(StrEnum):
    """The two sides that a row of comparisons.csv compares."""

    CONTROL = "control"  # a control with the arm that it repeats
    TRANSPORTS = "transports"  # a model over UDP with the same model over TCP
    REFERENCE = "reference"  # an arm with the reference of its transport
    PAIR = "pair"  # two other arms of one transport


class Pairing(StrEnum):
    """The place in which the ratio of a comparison is taken."""

    ROUNDS = "rounds"  # inside each round
    BLOCKS = "blocks"  # inside each block: a percentile that needs the requests of a whole trial
    UNPAIRED = "unpaired"  # of independent values: phases, whose servers remember what was before


class Conclusion(StrEnum):
    """The conclusion that the interval of a ratio allows."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"

    @property
    def is_difference(self) -> bool:
        """Return whether the two sides differ."""
        return self in (Conclusion.FASTER, Conclusion.SLOWER)
