"""``python -m clients``: see ``clients.command_line``."""

import os
import sys


def leave_working_folder() -> None:
    """Take the working folder, which ``python -m`` has put first, off the path; keep this project importable.

    A file ``socket.py`` or a folder ``clients`` in it would replace the real module. So each of the three packages has
    this function itself: until it has run, an import of another package may find one in the working folder.
    """
    try:
        folder = os.getcwd()  # noqa: PTH109 - pathlib may be such a file, too
    except OSError:  # it was removed
        folder = ""
    if not sys.flags.safe_path and sys.path[0] in ("", folder):
        del sys.path[0]
        sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120 - as above


def main() -> int:
    """Run the command line."""
    from clients.command_line import main as command

    return command()


if __name__ == "__main__":
    leave_working_folder()
    sys.exit(main())
