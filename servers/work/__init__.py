"""The protocol ``work``: a framed echo in which each request states how long its answer takes.

It stands for a handler that waits for a database, or that computes. A model waits and computes in its own idiom, so
unlike ``echo`` and ``hola`` this protocol cannot be a handler from bytes to bytes. These modules contain what the
models share:

- ``protocol``: frames and requests. Imports only ``log`` and ``units``; no sockets, no waiting.
- ``units``: fixed amounts of computing, and how long they take on this machine.
- ``blocking``: conversations of models that block a thread or a process while they wait.
- ``coroutines``: conversations of models that await.
- ``conversation``: the requests of one connection, for models with callbacks.
- ``asyncio_protocols``: the same on asyncio's protocol classes.
- ``timers``: waits of a loop around select, poll or epoll. ``connection_set``, ``datagrams``: such a loop's clients.
"""
