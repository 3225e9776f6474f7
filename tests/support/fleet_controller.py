"""A controller for tests that end it: ``python -m tests.support.fleet_controller``.

Prints the address of its scheduler, and then the pid of a role process on the agent ``a``, whose command takes ten
minutes.
"""

import sys

from bench.fleet.controller import Fleet
from bench.fleet.errors import FleetError
from tests.support.fleet import start_echo


def main() -> int:
    """Wait for a command that does not end."""
    try:
        with Fleet() as fleet:
            print(fleet.address, flush=True)  # noqa: T201 - the result of the command
            fleet.await_agents(["a"], 60.0)
            role = start_echo(fleet, "a")
            task = role.submit({"do": "wait"}, deadline_s=600.0, phase="block 3")
            print(role.pid, flush=True)  # noqa: T201 - as above
            task.result()
    except KeyboardInterrupt:
        return 130
    except FleetError as error:
        print(error, file=sys.stderr)  # noqa: T201 - as above
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
