"""``python -m bench`` is the same as ``holabench``."""

import sys

from bench.cli import main

sys.exit(main())
