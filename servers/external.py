"""Run somebody else's server so that it ends with us: ``python -m servers.external COMMAND ...``.

What the kernel is told (see ``lifeline``) outlives the exec. Processes that the command starts itself are ended with
their group; if we are ended by SIGKILL they are not.
"""

from __future__ import annotations

import os
import sys

from servers import parent_death


def main() -> int:
    """Become the command."""
    parent_death.die_with_parent()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - for whoever started this
    return 127


if __name__ == "__main__":
    sys.exit(main())
