"""Where the command line writes."""

from rich.console import Console

WIDE = 200  # columns


def terminal() -> Console:
    """Where everything goes but the result: stderr, wide enough for a table where it is no terminal."""
    screen = Console(stderr=True)
    return screen if screen.is_terminal else Console(stderr=True, width=110)


def output() -> Console:
    """Where a result goes that is a table: stdout, wide where it is no terminal: nothing is cut in a pipe."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=WIDE)
