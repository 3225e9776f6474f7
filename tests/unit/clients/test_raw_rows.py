import numpy as np

from clients.engine.records import OUTCOME_LATE, OUTCOME_OK, RAW
from clients.raw_rows import answered_rows


def test_answered_rows_are_those_of_the_window_by_time_of_arrival() -> None:
    raw = np.zeros(5, RAW)
    raw["connection"] = [4, 3, 2, 1, 0]
    raw["outcome"] = [OUTCOME_OK, OUTCOME_OK, OUTCOME_LATE, OUTCOME_OK, OUTCOME_OK]
    raw["sent_ns"] = [90, 130, 120, 110, 50]
    raw["received_ns"] = [190, 150, 160, 201, 99]
    assert answered_rows(raw, 100, 200) == [[3, 30, 50], [4, -10, 90]]
