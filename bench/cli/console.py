"""Where the command line writes."""

from rich.console import Console
from rich.text import Text

from bench.formatting import visible

WIDE = 200  # columns


def terminal() -> Console:
    """Where everything goes but the result: stderr, wide enough for a table where it is no terminal."""
    screen = Console(stderr=True)
    return screen if screen.is_terminal else Console(stderr=True, width=110)


def output() -> Console:
    """Where a result goes that is a table: stdout, wide where it is no terminal: nothing is cut in a pipe."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=WIDE)


def say(screen: Console, line: str, style: str = "", indent: int = 0) -> None:
    """One line that may hold what others wrote: neither a terminal's commands nor rich's are in it, and it is whole."""
    screen.print(Text(" " * indent + visible(line), style), soft_wrap=True)


def cells(*texts: str) -> list[Text]:
    """Cells of a table that may hold what others wrote."""
    return [Text(visible(text)) for text in texts]
