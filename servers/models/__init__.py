"""The models. Every module here is one, named after its file.

The first line of its docstring is its help text. A line that starts with ``Represents: `` states whether it is written
as the documentation teaches, keeps the standard library's defaults, or is tuned, and how.

A model defines ``serve_tcp(listener, new_handler)``, ``serve_udp(sock, new_handler)`` or both; they do not return. For
the protocol ``work``, it defines ``serve_work_tcp(listener)`` and ``serve_work_udp(sock)``. It may define ``prepare()``
for slow start-up work, which is done before the ready line is printed.

Constants declare what the benchmark has to know about a model:

- ``MAX_TCP_CLIENTS``: number of TCP clients that one process can serve at the same time.
- ``MAX_TCP_WAITS``, ``MAX_UDP_WAITS``: number of requests of ``work`` that can wait at the same time in one process, or
  ``"default executor"``. Over TCP the default is ``MAX_TCP_CLIENTS``. Without these constants there is no limit.
- ``PARALLEL = True``: starts ``servers.runtime.workers`` processes and uses more than one CPU.
- ``FORKS = True``: starts a process for each client.
- ``REUSEPORT = True``: its workers have their own sockets on one port.
- ``NEEDS``: the library that the model is about.
- ``OWN_BACKLOG``: uses the sockets as its library creates them: this backlog, no TCP_NODELAY, default buffers.

Modules in the folders listed in the environment variable HOLABENCH_MODELS are models, too.
"""

from __future__ import annotations

import os

FOLDERS_VARIABLE = "HOLABENCH_MODELS"  # in the environment, so that it reaches the servers that are started from here
__path__ = [*__path__, *filter(None, os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep))]
