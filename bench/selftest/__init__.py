"""Proof of the load generator against servers of known behaviour.

What imports what: ``formulas`` (what must come out) imports numpy and scipy alone; ``evidence`` starts a server and a
generator as processes and reads what both wrote; ``checks`` name behaviour, load and expectation, and use both;
``suite`` runs them for the command line. Nothing here imports ``servers`` or ``clients``.
"""
