"""The load generator and the tutorial's client.

What imports what: this package imports numpy, scipy, numba and the standard library, never ``servers`` or ``bench``.
It states the protocol a second time on purpose: that makes it a real check of the servers.

Compiled, each on those before it: ``lane`` (what a thread works on), ``connections``, ``arrivals``, ``requests``,
``turns`` (whose turn it is to send), ``replies``, ``loop``, ``opening``. Around them ``target`` (connections to one
server, with all that was counted), ``load`` and ``worker`` (for people, for bench). Pure: ``settings``, ``histogram``,
``windows``, ``fairness``, ``verdicts`` (the table of codes), ``judgement``, ``document``.
"""
