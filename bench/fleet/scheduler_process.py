"""The scheduler as a child process of the controller: ``python -m bench.fleet.scheduler_process``.

The controller writes one line of JSON: ``url``, ``tls_dir`` and ``agent_timeout_s``. The scheduler answers
``{"address": ...}`` or ``{"error": ...}``, and ends when its stdin does. So it ends together with the controller,
however that ends, and agents end because their scheduler has gone.
"""

import asyncio
import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

from bench.fleet.tls_files import TlsFiles

_END_S = 10.0  # for an orderly end


def main() -> None:
    """Run a scheduler until stdin ends."""
    options = json.loads(sys.stdin.buffer.readline() or b"null")
    if options is None:
        return
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_serve(options))
    except (OSError, ValueError) as error:
        _write({"error": str(getattr(error, "strerror", None) or error)})


async def _serve(options: dict[str, Any]) -> None:
    from bench.fleet import engine

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read_to_end() -> None:
        # Not by sys.stdin: the interpreter cannot exit while a thread waits in it.
        while os.read(0, 1024):
            continue
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(ending.set)
        threading.Event().wait(_END_S)
        os._exit(1)

    threading.Thread(target=read_to_end, name="scheduler stdin", daemon=True).start()
    tls = TlsFiles.in_directory(Path(options["tls_dir"])) if options["tls_dir"] else None
    await engine.serve_scheduler(
        options["url"], tls, options["agent_timeout_s"], lambda address: _write({"address": address}), ending
    )


def _write(line: dict[str, str]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    main()
