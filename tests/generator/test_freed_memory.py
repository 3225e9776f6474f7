import os
import resource

import numpy as np

from clients.engine.histogram_slots import SLOTS
from clients.freed_memory import keep_freed_memory

COPIES = 100


def page_faults_of_copies() -> int:
    counts = np.ones(SLOTS, np.int64)
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
    for _ in range(COPIES):
        copies = [counts.copy() for _ in range(8)]
        del copies
    return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before


def test_copies_of_histograms_reuse_the_memory_of_earlier_ones() -> None:
    keep_freed_memory()
    page_faults_of_copies()  # the first ones need new memory
    pages = SLOTS * 8 // os.sysconf("SC_PAGE_SIZE")
    assert page_faults_of_copies() < COPIES * pages  # of 8 times as many without it
