"""The load generator and the tutorial's client.

What imports what: this package imports numpy, numba and the standard library, never ``servers`` or ``bench``.
It states the protocol a second time on purpose: that makes it a real check of the servers.
"""
