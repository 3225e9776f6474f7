"""Where the command line writes what is no result."""

from rich.console import Console


def terminal() -> Console:
    """Where everything goes but the result: stderr, wide enough for a table where it is no terminal."""
    screen = Console(stderr=True)
    return screen if screen.is_terminal else Console(stderr=True, width=110)
