"""A server whose every reply is known in advance, to verify the load generator.

It is not a model: it is never compared with the other servers.
"""
