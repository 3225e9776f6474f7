"""An echo server that answers after a delay: ``python slow_echo.py PORT SECONDS [WORKERS]``.

It sleeps for each read, as a handler does that waits for a database. With WORKERS, this many requests wait at a time,
and the others queue up.
"""

import asyncio
import sys
from collections.abc import Callable, Coroutine


def make_handler(
    delay_s: float, pool: asyncio.Semaphore | None
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]:
    """Return the handler of a connection. pool: as many requests as it allows wait at a time."""

    async def wait() -> None:
        if pool is None:
            await asyncio.sleep(delay_s)
            return
        async with pool:
            await asyncio.sleep(delay_s)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    return serve


async def main(port: int, delay_s: float, workers: int) -> None:
    """Serve until the process is ended."""
    pool = asyncio.Semaphore(workers) if workers else None
    server = await asyncio.start_server(make_handler(delay_s, pool), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0))
