"""Run an external server: ``python -m servers.run_command COMMAND ...``.

The command runs as it would by itself, but is killed when the process that started it exits.

The kernel keeps the setting of ``parent_death`` across the exec. Processes that the command starts are not covered:
they exit with their process group, unless the parent was killed by SIGKILL.
"""

from __future__ import annotations

import os
import sys

from servers import parent_death


def main() -> int:
    """Replace this process by the command. Returns 127 if it cannot be started."""
    parent_death.die_with_parent()
    try:
        os.execvp(sys.argv[1], sys.argv[1:])
    except OSError as error:
        print(f"{sys.argv[1]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - read by the program that started this
    return 127


if __name__ == "__main__":
    sys.exit(main())
