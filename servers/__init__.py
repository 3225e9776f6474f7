"""The servers that are compared: one module for each way to handle many clients.

Imports the standard library alone (a model may need its own library), never ``bench`` or ``clients``: the measured
process stays lean, its memory is honest, and it runs on any interpreter from Python 3.9 on, which is an axis of the
experiment. ``models.native`` is the exception: it is compiled, and shares the compiled system calls of ``clients``
(``compiled``, ``libc``, ``memory``) rather than say them twice; it must show the least that a server can cost.

- ``protocols`` and ``settings`` import nothing of the package but ``log``, and no sockets: what is said.
- ``sockets`` makes every socket, so that no model is favoured by an option: where it is said.
- ``models`` import ``protocols``, ``sockets``, ``log``, ``lifeline``, ``settings`` and one another: who says it when.
- ``registry`` finds models without importing them; ``__main__`` alone knows all of these.
"""
