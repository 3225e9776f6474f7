"""``python -m servers``: see ``servers.command_line``."""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Optional


def main(arguments: "Optional[Sequence[str]]" = None) -> int:
    """Serve until killed. Returns an exit code if start-up fails."""
    from servers.command_line import main as command

    return command(arguments)


if __name__ == "__main__":
    from servers.launch import leave_working_folder

    leave_working_folder()
    sys.exit(main())
