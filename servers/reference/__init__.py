"""A server whose every reply is known in advance, to verify the load generator (``python -m servers.reference``)."""
