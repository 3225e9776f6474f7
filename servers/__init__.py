"""The servers under comparison: one module for each way to serve many clients.

The package imports the standard library alone, never ``bench`` or ``clients``. A model may also import the library
that it is about. So the measured process stays small, its memory figures are its own, and it runs under any interpreter
from Python 3.9 on: the interpreter is one of the things that can be compared.

``models.native`` is the exception. It shows the least that a server can cost, so it is compiled, and it reuses the
compiled system calls of ``clients`` instead of duplicating them.

- ``protocols``: bytes in, bytes out. Imports only ``log``; no sockets.
- ``work``: the protocol whose requests wait and compute. It imports ``connection_set`` and ``sockets``, too.
- ``entry_points``: chooses the function of a model that serves a protocol.
- ``sockets``: creates every socket, so that no model gains from an option that the others lack.
- ``connection_set``, ``datagrams``, ``worker_pool``: the parts that several models share.
- ``models``: one way to serve clients each. They import ``log``, ``parent_death``, ``runtime``, the above, one another.
- ``registry``: finds and describes models without importing them; ``model_template``: the source of a new model.
- ``fd_limit``, ``parent_death``, ``runtime``, ``log``: limits, lifetime, settings and messages of the process.
- ``small_process``: continues a server that forks for each client in a fresh interpreter with few libraries.
- ``run_command``, ``descendants``: start a server that is not part of this package, and end all its processes.
- ``launch``: starts a module of this project by its path, so that nothing in the working folder is imported.
- ``reference``: a server whose every reply is known in advance, to verify the load generator. Not a model.
- ``command_line``: the command line, which ``__main__`` runs. The only module that knows all of these.
"""
