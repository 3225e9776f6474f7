"""The experiment: plan, run, analyse, draw, report.

What imports what:
- ``bench`` starts servers and generator as processes; of their code it imports ``servers.registry`` for names, and
  ``clients.verdicts`` for the one table of codes.
- ``plan``, ``stats``, ``judgement`` and ``analyse`` do no I/O. ``charts`` makes figures and opens no file.
- ``store`` is the only module that knows the names of the files in a run's folder.
- ``analyse``, ``charts`` and ``report`` start no process and can be rerun on a folder made elsewhere: ``derive`` has
  them done, partly by ``helpers``, which are processes.
"""
