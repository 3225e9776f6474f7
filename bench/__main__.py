"""Where ``holabench`` and ``python -m bench``, which are the same, begin."""

import sys


def main() -> int:
    """Run the command line. A Ctrl-C while it is still being imported ends it as quietly as a later one."""
    try:
        from bench.cli.app import main as command
    except KeyboardInterrupt:
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
