"""Ends garbage collection in the process that imports this module: the fork server of the chart workers.

It imports libraries and forks, and nothing else. Its workers collect again.
"""

import gc

gc.disable()
