"""The word beside a measurement: whether its prediction holds. Pure."""

import math
from enum import StrEnum

TOLERANCE = 1.1  # a factor: 10 % in either direction


class Agreement(StrEnum):
    """Verdict on a prediction: it explains a measurement, or does not."""

    AS_PREDICTED = "as predicted"
    NOT_EXPLAINED = "not explained by this"
    NONE = ""  # no prediction, or nothing measured


def prediction_ratio(measured: float, predicted: float) -> float:
    """Return measured / predicted; nan if one of them is unknown, or if both are 0 or infinite."""
    if math.isnan(measured) or math.isnan(predicted) or (predicted == 0 == measured):
        return math.nan
    if predicted == 0:
        return math.inf
    return measured / predicted


def agreement(ratio: float) -> Agreement:
    """Return the word for a ratio of the measured to the predicted value."""
    if math.isnan(ratio):
        return Agreement.NONE
    within = 1 / TOLERANCE <= ratio <= TOLERANCE
    return Agreement.AS_PREDICTED if within else Agreement.NOT_EXPLAINED
