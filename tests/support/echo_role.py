"""A role program for tests: it answers, fails, waits or ends as a command asks it to."""

import os
import subprocess
import sys
import time

from bench.fleet.role_program import RoleFailure, RoleProgram


def main() -> None:
    """Carry out commands such as ``{"do": "echo", "value": 3}``."""
    with RoleProgram() as program:
        if reason := program.specification.get("failure"):
            raise RoleFailure(reason)
        program.ready({"specification": program.specification, "pid": os.getpid()})
        for command in program.commands():
            print("a line of a library")  # noqa: T201 - it must not disturb the exchange
            if path := command.get("log"):
                with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - as short as it gets
                    file.write("run\n")
            for number in range(command.get("events", 0)):
                program.event({"number": number})
            if command["do"] == "fail":
                program.fail("found no free port")
            elif command["do"] == "raise":
                raise KeyError("missing")
            else:
                program.answer(_carry_out(command))


def _carry_out(command: dict[str, object]) -> dict[str, object]:
    if command["do"] == "child":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        return {"pid": child.pid}
    if command["do"] == "wait":
        time.sleep(600)
    if command["do"] == "exit":
        os._exit(3)
    return {"value": command.get("value")}


if __name__ == "__main__":
    main()
