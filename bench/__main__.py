"""Entry point of ``holabench`` and of ``python -m bench``."""

import sys


def main() -> int:
    """Run the command line. Ctrl-C during its import is as silent as any later Ctrl-C."""
    try:
        from bench.cli import main as command
    except KeyboardInterrupt:
        return 130
    return command()


if __name__ == "__main__":
    sys.exit(main())
